package config

import (
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// convert makes of a value that a source gave one of the field's kind, or nil.
// Files give typed values, the environment and flags strings. The error says
// what is expected instead.
func (f field) convert(v any) (any, error) {
	if f.isNull(v) {
		if f.nullable {
			return nil, nil
		}
		return nil, errors.New("may not be null; remove the key to get the default")
	}
	switch f.kind.Kind() {
	case reflect.String:
		return f.convertString(v)
	case reflect.Bool:
		return convertBool(v)
	case reflect.Int:
		return convertInt(v)
	default:
		return convertFloat(v)
	}
}

// isNull reports whether v takes a value away. The environment has no null: an
// empty variable or the word stands for it, but not for a secret, of which an
// empty one is rather a mistake.
func (f field) isNull(v any) bool {
	s, isString := v.(string)
	if !isString || !f.nullable || f.secret() {
		return v == nil
	}
	return s == "" || s == "null"
}

// convertString takes strings only: of a key or a path that looks like a number
// a file has already lost leading zeros.
func (f field) convertString(v any) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, errors.New("must be a string; put it in quotes")
	}
	return reflect.ValueOf(s).Convert(f.kind).Interface(), nil
}

func convertBool(v any) (any, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(v) {
		case "true", "1", "yes", "on":
			return true, nil
		case "false", "0", "no", "off":
			return false, nil
		}
	}
	return nil, errors.New("must be true or false")
}

func convertInt(v any) (any, error) {
	switch v := v.(type) {
	case int:
		return v, nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int(v), nil
		}
	case string:
		if n, err := strconv.Atoi(strings.TrimSpace(v)); err == nil {
			return n, nil
		}
	}
	return nil, errors.New("must be a whole number")
}

func convertFloat(v any) (any, error) {
	switch v := v.(type) {
	case int:
		return float64(v), nil
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v, nil
		}
	case string:
		x, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err == nil && !math.IsNaN(x) && !math.IsInf(x, 0) {
			return x, nil
		}
	}
	return nil, errors.New("must be a number")
}

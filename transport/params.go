package transport

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/tidemark-db/tidemark"
)

// Values are the parameters of a request by name.
type Values interface {
	// Lookup returns the value of a parameter and whether it was given.
	Lookup(name string) (string, bool)
}

// ParamError says that a parameter could not be read.
type ParamError struct{ Name, Text string }

// Error implements error in the form that clients know.
func (e *ParamError) Error() string { return "Deserialize error in query parameters: " + e.Text }

// ParseWrite reads wait, ordering and timeout. The ordering is checked and
// has no effect: writes of a collection have one order, that of its log.
func ParseWrite(v Values) (tidemark.WriteOptions, error) {
	var p tidemark.WriteOptions
	if s, ok := v.Lookup("wait"); ok {
		wait, err := ParseBool("wait", s)
		if err != nil {
			return p, err
		}
		p.Wait = wait
	}
	if s, ok := v.Lookup("ordering"); ok && s != "weak" && s != "medium" && s != "strong" {
		return p, &ParamError{"ordering", fmt.Sprintf("unknown variant `%s`, expected one of `weak`, `medium`, `strong`", s)}
	}
	timeout, err := parsePositiveSeconds(v)
	p.Timeout = timeout
	return p, err
}

// ParseRead reads consistency and timeout and returns the timeout, 0 if there
// is none. The consistency is checked and has no effect: there is one copy, and
// a read sees every acknowledged write.
func ParseRead(v Values) (time.Duration, error) {
	if s, ok := v.Lookup("consistency"); ok {
		if err := checkConsistency(s); err != nil {
			return 0, err
		}
	}
	return parsePositiveSeconds(v)
}

func checkConsistency(s string) error {
	switch s {
	case "majority", "quorum", "all":
		return nil
	}
	if n, err := strconv.ParseUint(s, 10, 63); err == nil && n > 0 {
		return nil
	}
	return &ParamError{"consistency", fmt.Sprintf(
		"`%s` is no read consistency, expected a positive integer, `majority`, `quorum` or `all`", s)}
}

// ParseTimeout reads the timeout of an operation on a collection; 0 is out of
// range there.
func ParseTimeout(v Values) (time.Duration, error) {
	s, ok := v.Lookup("timeout")
	if !ok {
		return 0, nil
	}
	n, err := parseSeconds(s)
	if err != nil {
		return 0, err
	}
	var c Checks
	AtLeast(&c, "timeout", &n, 1)
	return seconds(n), c.Err(InQuery)
}

// parsePositiveSeconds reads the timeout of an operation on points, whose type
// has no 0.
func parsePositiveSeconds(v Values) (time.Duration, error) {
	s, ok := v.Lookup("timeout")
	if !ok {
		return 0, nil
	}
	n, err := parseSeconds(s)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, &ParamError{"timeout", "invalid value: integer `0`, expected a nonzero u64"}
	}
	return seconds(n), nil
}

func parseSeconds(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, &ParamError{"timeout", "invalid digit found in string"}
	}
	return n, nil
}

// seconds returns n seconds, or the longest duration if that is less.
func seconds(n uint64) time.Duration {
	if n > uint64(math.MaxInt64/time.Second) {
		return math.MaxInt64
	}
	return time.Duration(n) * time.Second
}

// ParseBool reads a parameter that is true or false.
func ParseBool(name, s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, &ParamError{name, "provided string was not `true` or `false`"}
}

package filter

import (
	"fmt"
	"time"
)

// Time is a moment in microseconds since 1970-01-01T00:00:00Z.
type Time int64

// TimeError says that a text is not a moment.
type TimeError struct{ Text string }

// Error implements error.
func (e *TimeError) Error() string {
	return fmt.Sprintf("'%s' does not match accepted datetime format (RFC3339). Example: 2014-01-01T00:00:00Z", e.Text)
}

// ParseTime reads a date, or a date and a time with 'T' or a blank between
// them: hours and minutes, or seconds too, with any number of digits after a
// point; then 'Z', an offset such as +02:00, +0200 or +02 (only after seconds),
// or nothing, which means UTC. Digits after the microseconds are cut off. The
// error is a *TimeError.
func ParseTime(text string) (Time, error) {
	t, ok := parseTime(text)
	if !ok {
		return 0, &TimeError{Text: text}
	}
	return t, nil
}

// scanner reads a text from its beginning. It takes the bytes of a payload as
// well as a string, so that neither has to be copied.
type scanner[T string | []byte] struct {
	rest T
	bad  bool
}

func parseTime[T string | []byte](text T) (Time, bool) {
	s := scanner[T]{rest: text}
	year := s.number(4, 4)
	s.expect('-')
	month := s.number(1, 2)
	s.expect('-')
	day := s.number(1, 2)
	hour, minute, second, nanos, offset := 0, 0, 0, 0, 0
	if len(s.rest) > 0 {
		s.separator()
		hour = s.number(1, 2)
		s.expect(':')
		minute = s.number(1, 2)
		if len(s.rest) > 0 {
			s.expect(':')
			second = s.number(1, 2)
			nanos = s.fraction()
			offset = s.offset()
		}
	}
	valid := !s.bad && len(s.rest) == 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month) &&
		hour <= 23 && minute <= 59 && second <= 60
	if !valid {
		return 0, false
	}
	// A leap second (60) becomes the second after it.
	t := time.Date(year, time.Month(month), day, hour, minute, second-offset, nanos, time.UTC)
	return Time(t.UnixMicro()), true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// next returns the next byte, 0 at the end.
func (s *scanner[T]) next() byte {
	if len(s.rest) == 0 {
		return 0
	}
	return s.rest[0]
}

func (s *scanner[T]) skip(n int) { s.rest = s.rest[n:] }

func (s *scanner[T]) expect(c byte) {
	if s.next() != c {
		s.bad = true
		return
	}
	s.skip(1)
}

func (s *scanner[T]) separator() {
	switch s.next() {
	case 'T', 't', ' ':
		s.skip(1)
	default:
		s.bad = true
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number reads from least to most digits.
func (s *scanner[T]) number(least, most int) int {
	n, digits := 0, 0
	for digits < most && isDigit(s.next()) {
		n = 10*n + int(s.next()-'0')
		s.skip(1)
		digits++
	}
	if digits < least {
		s.bad = true
	}
	return n
}

// fraction reads a point and digits, if there are any, as nanoseconds.
func (s *scanner[T]) fraction() int {
	if s.next() != '.' {
		return 0
	}
	s.skip(1)
	if !isDigit(s.next()) {
		s.bad = true
	}
	n := 0
	for unit := 100_000_000; isDigit(s.next()); unit /= 10 {
		n += int(s.next()-'0') * unit
		s.skip(1)
	}
	return n
}

// offset reads a zone, if there is one, as seconds east of UTC.
func (s *scanner[T]) offset() int {
	sign := 1
	switch s.next() {
	case 0:
		return 0
	case 'Z', 'z':
		s.skip(1)
		return 0
	case '-':
		sign = -1
	case '+':
	default:
		s.bad = true
		return 0
	}
	s.skip(1)
	hours, minutes := s.number(2, 2), 0
	if s.next() == ':' {
		s.skip(1)
		minutes = s.number(2, 2)
	} else if len(s.rest) > 0 {
		minutes = s.number(2, 2)
	}
	if hours > 23 || minutes > 59 {
		s.bad = true
	}
	return sign * (hours*3600 + minutes*60)
}

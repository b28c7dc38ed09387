package config

// Secret is a string that shows itself only to who asks for it by name: however
// it is printed, logged or marshalled, it is masked.
type Secret string

const masked = "********"

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns a mask.
func (s Secret) String() string { return masked }

// GoString returns a mask.
func (s Secret) GoString() string { return masked }

// MarshalText returns a mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

package transport

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"
)

// Access is what a caller may do.
type Access uint8

// The levels of Access, each including those before it.
const (
	NoAccess Access = iota
	Read            // look at collections and points
	Manage          // everything
)

// The texts of refusals.
const (
	KeyMissing  = "Must provide an API key or an Authorization bearer token"
	KeyInvalid  = "Invalid API key or JWT"
	NeedsManage = "Global manage access is required"
)

// Keys are the API keys of a server. Without any of them everybody may do
// everything.
type Keys struct {
	APIKey         string // may do everything
	AltAPIKey      string // like APIKey, so that keys can be changed without a pause
	ReadOnlyAPIKey string // may read
}

// Authenticator decides what the bearer of a key may do.
type Authenticator struct {
	keys []hashedKey
}

// hashedKey holds a digest, because comparing digests takes the same time
// whatever the lengths of the keys are.
type hashedKey struct {
	sum    [sha256.Size]byte
	access Access
}

// NewAuthenticator returns an Authenticator for keys.
func NewAuthenticator(keys Keys) *Authenticator {
	a := &Authenticator{}
	add := func(key string, access Access) {
		if key != "" {
			a.keys = append(a.keys, hashedKey{sha256.Sum256([]byte(key)), access})
		}
	}
	add(keys.APIKey, Manage)
	add(keys.AltAPIKey, Manage)
	add(keys.ReadOnlyAPIKey, Read)
	return a
}

// Open reports whether no key is needed.
func (a *Authenticator) Open() bool { return len(a.keys) == 0 }

// Access returns what the bearer of key may do, in constant time.
func (a *Authenticator) Access(key string) Access {
	if a.Open() {
		return Manage
	}
	sum := sha256.Sum256([]byte(key))
	best := NoAccess
	for _, k := range a.keys {
		if subtle.ConstantTimeCompare(sum[:], k.sum[:]) == 1 {
			best = max(best, k.access)
		}
	}
	return best
}

// BearerKey returns the key in an Authorization header.
func BearerKey(header string) (string, bool) {
	return strings.CutPrefix(header, "Bearer ")
}

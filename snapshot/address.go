package snapshot

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// addresses are those from which archives may be fetched.
type addresses struct {
	// private allows hosts of this machine and of its own networks.
	private bool
}

// addressError says that an address is not allowed.
type addressError struct{ addr netip.Addr }

// Error implements error.
func (e *addressError) Error() string { return fmt.Sprintf("the address %s is not allowed", e.addr) }

// dialer returns a dialer that looks at each address in the moment in which it
// connects: whatever a name stood for before, and wherever a redirect leads, no
// other address is reached.
func (a addresses) dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: timeout, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("address to connect to: %w", err)
		}
		if !a.allow(to.Addr()) {
			return &addressError{to.Addr().Unmap()}
		}
		return nil
	}}
}

// allow judges an address. An IPv4 address within an IPv6 one is judged as what
// it is.
func (a addresses) allow(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if inner, ok := embedded(addr); ok && !a.allow(inner) {
		return false
	}
	if never(addr) {
		return false
	}
	return a.private || !isPrivate(addr)
}

// Addresses of the services by which clouds hand out credentials, where they
// are not link-local.
var metadata = []netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd20:ce::254"), netip.MustParseAddr("100.100.100.200"),
}

// never reports whether no archive can come from an address in good faith: no
// single host has it, or it belongs to a link on which clouds serve credentials.
func never(addr netip.Addr) bool {
	if !addr.IsValid() || addr.IsUnspecified() || addr.IsMulticast() || addr.IsLinkLocalUnicast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return true
	}
	for _, m := range metadata {
		if addr == m {
			return true
		}
	}
	return false
}

// Networks that are private, but that netip does not call so: this network,
// those of carriers, of benchmarks, of the future.
var privateNetworks = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("fec0::/10"),
}

func isPrivate(addr netip.Addr) bool {
	if addr.IsLoopback() || addr.IsPrivate() {
		return true
	}
	for _, p := range privateNetworks {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48")
	sixToFour  = netip.MustParsePrefix("2002::/16")
	compatible = netip.MustParsePrefix("::/96")
)

// embedded returns the IPv4 address to which routers translate an IPv6 one.
func embedded(addr netip.Addr) (netip.Addr, bool) {
	b := addr.As16()
	switch {
	case addr.Is4():
	case nat64.Contains(addr), nat64Local.Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case sixToFour.Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case compatible.Contains(addr) && !addr.IsUnspecified() && !addr.IsLoopback():
		return netip.AddrFrom4([4]byte(b[12:])), true
	}
	return netip.Addr{}, false
}

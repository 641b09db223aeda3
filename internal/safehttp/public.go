package safehttp

import "net/netip"

// IsPublic tells whether an address is one of the public internet: global
// unicast, and of no block that the registries of special-purpose addresses set
// aside. An address that carries an IPv4 address inside is public only if it is
// of a kind that is still in use and the inner one is public.
func IsPublic(address netip.Addr) bool {
	if !address.IsValid() || address.Zone() != "" {
		return false
	}
	address = address.Unmap() // ::ffff:127.0.0.1
	if address.Is4() {
		return !within(address, special4)
	}
	if nat64.Contains(address) {
		b := address.As16()
		return IsPublic(netip.AddrFrom4([4]byte(b[12:])))
	}
	// Everything outside of 2000::/3 is unassigned or has no business here:
	// unspecified, loopback, IPv4-compatible, unique local, link-local, multicast.
	return global6.Contains(address) && !within(address, special6)
}

var (
	// nat64 is how a machine without IPv4 reaches one without IPv6 (RFC 6052).
	nat64   = netip.MustParsePrefix("64:ff9b::/96")
	global6 = netip.MustParsePrefix("2000::/3")
)

// special4 are the blocks of IPv4 that are not global unicast.
var special4 = prefixes(
	"0.0.0.0/8",        // this network, RFC 791
	"10.0.0.0/8",       // private, RFC 1918
	"100.64.0.0/10",    // carrier-grade NAT, RFC 6598
	"127.0.0.0/8",      // loopback, RFC 1122
	"168.63.129.16/32", // the platform of a cloud, reached from inside of it
	"169.254.0.0/16",   // link-local, RFC 3927, with the metadata of clouds
	"172.16.0.0/12",    // private, RFC 1918
	"192.0.0.0/24",     // protocol assignments, RFC 6890
	"192.0.2.0/24",     // documentation, RFC 5737
	"192.88.99.0/24",   // 6to4 relays, RFC 7526
	"192.168.0.0/16",   // private, RFC 1918
	"198.18.0.0/15",    // benchmarking, RFC 2544
	"198.51.100.0/24",  // documentation, RFC 5737
	"203.0.113.0/24",   // documentation, RFC 5737
	"224.0.0.0/4",      // multicast, RFC 5771
	"240.0.0.0/4",      // reserved and broadcast, RFC 1112
)

// special6 are the blocks within 2000::/3 that are not global unicast.
var special6 = prefixes(
	"2001::/23",     // protocol assignments, RFC 2928, with Teredo and ORCHID
	"2001:db8::/32", // documentation, RFC 3849
	"2002::/16",     // 6to4, RFC 7526: an IPv4 address inside
	"3fff::/20",     // documentation, RFC 9637
)

func prefixes(texts ...string) []netip.Prefix {
	result := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		result[i] = netip.MustParsePrefix(text)
	}
	return result
}

func within(address netip.Addr, networks []netip.Prefix) bool {
	for _, network := range networks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

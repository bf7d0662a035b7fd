package lookup

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"
)

// randomAddr returns any IPv4 address but those of multicast and above.
func randomAddr(r *rand.Rand) netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], r.Uint32N(224<<24))
	return netip.AddrFrom4(a)
}

// population returns n decisions like those of big blocklists: 85 % IPv4
// addresses, 5 % IPv4 ranges, 10 % IPv6, fifty scenarios of four origins.
func population(r *rand.Rand, n int) []Decision {
	origins := []string{"CAPI", "lists:tor", "crowdsec", "cscli"}
	all := make([]Decision, n)
	for i := range all {
		d := &all[i]
		switch k := r.IntN(100); {
		case k < 85:
			d.Prefix = hostPrefix(randomAddr(r))
		case k < 90:
			d.Prefix = netip.PrefixFrom(randomAddr(r), 24).Masked()
		default:
			var a [16]byte
			binary.BigEndian.PutUint64(a[:8], 0x2000<<48|r.Uint64N(1<<44)<<4)
			binary.BigEndian.PutUint64(a[8:], r.Uint64())
			bits := 128
			if k == 99 || k == 98 {
				bits = 64
			}
			d.Prefix = netip.PrefixFrom(netip.AddrFrom16(a), bits).Masked()
		}
		d.Action = Ban
		if i%20 == 0 {
			d.Action = Captcha
		}
		d.Origin = origins[r.IntN(len(origins))]
		d.Reason = "crowdsecurity/http-scenario-" + string(rune('A'+r.IntN(50)))
		d.Until = time.Unix(4e9, 0).Add(time.Duration(r.IntN(4*3600)) * time.Second)
	}
	return all
}

// clustered returns n decisions of which many are neighbours, as in real lists: a few
// networks have most, and in each a few smaller ones, by Zipf's law. Of IPv6 a tenth are
// ranges.
func clustered(r *rand.Rand, n int) []Decision {
	all := population(r, n)
	wide, narrow := rand.NewZipf(r, 1.1, 8, 1<<15-1), rand.NewZipf(r, 1.1, 2, 255)
	seen := map[netip.Prefix]bool{}
	for i := range all {
		p := all[i].Prefix
		for again := true; again; again = p.IsSingleIP() && seen[p] {
			// An odd number scatters the sixteen bits of the network.
			network := uint32(wide.Uint64()) * 40503 & 0xffff
			if p.Addr().Is4() {
				ip := from4(network%(224<<8)<<16 | uint32(narrow.Uint64())<<8 | r.Uint32N(256))
				p = netip.PrefixFrom(ip, p.Bits()).Masked()
				continue
			}
			length := []int{128, 128, 128, 128, 128, 128, 64, 64, 64, 48}[r.IntN(10)]
			ip := from6(0x2a00<<48|uint64(network)<<32|narrow.Uint64()<<16|r.Uint64N(16), r.Uint64())
			p = netip.PrefixFrom(ip, length).Masked()
		}
		seen[p], all[i].Prefix = true, p
	}
	return all
}

// neighbour returns an address in the /24 or the /32 of ip.
func neighbour(r *rand.Rand, ip netip.Addr) netip.Addr {
	if ip.Is4() {
		return from4(number4(ip)&^0xff | r.Uint32N(256))
	}
	hi, _ := halves(ip)
	return from6(hi&^0xffffffff|r.Uint64N(1<<32), r.Uint64())
}

// advance lets d pass on the clock of a synctest bubble.
func advance(d time.Duration) { <-time.After(d) }

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

// advance lets d pass on the clock of a synctest bubble.
func advance(d time.Duration) { <-time.After(d) }

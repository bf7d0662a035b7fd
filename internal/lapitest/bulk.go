package lapitest

import (
	"net/netip"
	"strconv"
	"time"
)

// Bulk describes synthetic decisions. They are generated while they are written, and never
// stored: 85 % IPv4 addresses, 5 % IPv4 /24, 8 % IPv6 addresses, 2 % IPv6 /64. All values
// are different and none is private. Origins and scenarios have the mix that real servers
// have. A value depends only on its index. Only streams contain these decisions, whatever
// filters a request has.
type Bulk struct {
	N     int // how many are in force at any time
	Churn int // how many are replaced before each delta pull; default: none
}

// A window is a range of synthetic decisions by index.
type window struct {
	from, to int
	epoch    int // the epoch of the IDs; 0 if none
}

func (w window) len() int { return max(0, w.to-w.from) }

// bulkState is the synthetic part of the decision database: a window that moves over an
// endless sequence of decisions, so any delta is known without a list.
type bulkState struct {
	Bulk
	window
	start time.Time // of all durations
}

// renew announces all of b under new ids.
func (s *bulkState) renew(b Bulk, now time.Time) {
	s.Bulk = b
	s.start = now
	s.epoch++
	s.to = s.from + b.N
}

// churn moves the window.
func (s *bulkState) churn() {
	s.from += s.Churn
	s.to += s.Churn
}

// since returns the decisions that were added and removed since seen.
func (s *bulkState) since(seen window) (added, ended window) {
	added, ended = s.window, s.window
	ended.from, ended.to = seen.from, min(seen.to, s.from)
	if seen.epoch == s.epoch {
		added.from = max(s.from, seen.to)
	}
	return added, ended
}

// bulk writes the synthetic decisions of w.
func (e *encoder) bulk(s bulkState, w window, ended bool) {
	const gone = -12345 * time.Microsecond
	for i := w.from; i < w.to; i++ {
		d := bulkDecision(i)
		left := s.start.Add(d.duration).Sub(e.now)
		if ended {
			left = gone
		} else if left <= 0 {
			continue // it has ended by itself
		}
		if !e.item() {
			return
		}
		e.buf = e.appendBulk(e.buf, d, bulkID(w.epoch, i), left)
		_, e.err = e.w.Write(e.buf)
	}
}

func (e *encoder) appendBulk(b []byte, d bulkRow, id int64, left time.Duration) []byte {
	b = appendDuration(append(b, `{"duration":"`...), e.gen, left)
	b = strconv.AppendInt(append(b, `","id":`...), id, 10)
	b = append(append(b, `,"origin":"`...), d.origin...)
	b = append(append(b, `","scenario":"`...), d.scenario...)
	b = append(append(b, `","scope":"`...), d.scope...)
	b = append(append(b, `","type":"`...), d.typ...)
	if e.gen != Old && d.local {
		b = append(b, `","uuid":"6f1d8a52-0000-4000-8000-`...)
		b = strconv.AppendInt(b, 100_000_000_000+id%100_000_000_000, 10)
	}
	b = append(b, `","value":"`...)
	if d.prefix.IsSingleIP() {
		b = d.prefix.Addr().AppendTo(b)
	} else {
		b = d.prefix.AppendTo(b)
	}
	return append(b, `"}`...)
}

// bulkID avoids the IDs of added decisions, which begin at 1.
func bulkID(epoch, i int) int64 { return int64(epoch)*1_000_000_000 + int64(i) }

// A bulkRow is one synthetic decision.
type bulkRow struct {
	origin, scenario, scope, typ string
	local                        bool // made by this server, so it has a uuid
	prefix                       netip.Prefix
	duration                     time.Duration
}

// BulkPrefix returns the value of the synthetic decision with index i. Those in
// force at the start are 0 to N-1; a churn ends the lowest and begins the next.
func BulkPrefix(i int) netip.Prefix {
	round, slot := i/20, uint64(i%20)
	switch {
	case slot < 17:
		return netip.PrefixFrom(publicIPv4(uint64(round)*17+slot, 32), 32)
	case slot == 17:
		return netip.PrefixFrom(publicIPv4(uint64(round), 24), 24)
	}
	n := uint64(round)*2 + slot - 18
	if n%5 == 4 {
		return netip.PrefixFrom(ipv6(0x2a02, permute(n, 48), 0), 64)
	}
	return netip.PrefixFrom(ipv6(0x2a01, permute(n, 48), mix(n)), 128)
}

func bulkDecision(i int) bulkRow {
	h := mix(uint64(i))
	d := bulkRow{
		origin: "CAPI", scope: "Ip", typ: "ban",
		scenario: scenarios[h>>8%uint64(len(scenarios))],
		prefix:   BulkPrefix(i),
		// One to seven days, as the central API gives.
		duration: 24*time.Hour + time.Duration(h>>16%(6*24*3600))*time.Second,
	}
	switch share := h % 100; {
	case share < 70:
	case share < 90:
		d.origin, d.scenario = "lists", lists[h>>8%uint64(len(lists))]
	case share < 98:
		d.origin, d.local = "crowdsec", true
	default:
		d.origin, d.scenario, d.local = "cscli", "manual ban", true
	}
	if h>>56 < 8 { // three in a hundred
		d.typ = "captcha"
	}
	// Lists have one scope for all that is in them, so Ip is said of ranges, too.
	if !d.prefix.IsSingleIP() && d.origin != "lists" {
		d.scope = "Range"
	}
	return d
}

// publicIPv4 returns the n-th address, or range of the given length, of a
// shuffled row of all public ones. It walks the cycle of a permutation until it
// leaves what is not public, and so gives no value twice.
func publicIPv4(n uint64, bits int) netip.Addr {
	n += 1 << (bits - 8) // 1.0.0.0: a walk that begins outside could meet another
	for {
		n = permute(n, bits)
		v := uint32(n << (32 - bits))
		ip := netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
		if b := byte(v >> 24); b > 0 && b < 224 && !ip.IsPrivate() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			return ip
		}
	}
}

func ipv6(top uint16, mid, low uint64) netip.Addr {
	var a [16]byte
	a[0], a[1] = byte(top>>8), byte(top)
	for i := range 6 {
		a[2+i] = byte(mid >> (40 - 8*i))
	}
	for i := range 8 {
		a[8+i] = byte(low >> (56 - 8*i))
	}
	return netip.AddrFrom16(a)
}

// permute shuffles the numbers with this number of bits: multiplying by an odd number,
// adding a constant and folding the upper half into the lower half are all reversible.
func permute(n uint64, bits int) uint64 {
	mask := uint64(1)<<bits - 1
	n &= mask
	for range 2 {
		n = (n*0x9e3779b97f4a7c15 + 0x632be59bd9b4e019) & mask
		n ^= n >> (bits / 2)
	}
	return n
}

// mix spreads n over all bits.
func mix(n uint64) uint64 {
	n = (n + 1) * 0x9e3779b97f4a7c15
	n = (n ^ n>>32) * 0xd6e8feb86659fd93
	return n ^ n>>32
}

package people

import (
	"net/netip"
	"testing"
	"time"
)

func TestNetworksThatAreKnownAreBounded(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := newLimiter(1, 2, func() time.Time { return now })
	nth := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{byte(20 + i>>16), byte(i >> 8), byte(i), 1}) }
	for i := range 30_000 {
		l.take(nth(i))
	}
	if n, wide := l.Sizes(); n > 20_001 || wide > n {
		t.Errorf("%d networks in %d", n, wide)
	}
	// Those beyond share one allowance, which is used up.
	if retry, ok := l.take(nth(29_999)); ok || retry != time.Second {
		t.Errorf("%v, %v", retry, ok)
	}
	// A network that is known has its own.
	if _, ok := l.take(nth(1)); !ok {
		t.Error("a network pays for others")
	}
	now = now.Add(time.Minute)
	_, ok := l.take(nth(29_998))
	if n, wide := l.Sizes(); !ok || n > 2 || wide > 2 {
		t.Errorf("those that have rested are not forgotten: %d, %d", n, wide)
	}
}

// A client with very many addresses does not use the shares of others.
func TestAWideNetworkTakesAnEighthOfTheRoom(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := newLimiter(1, 2, func() time.Time { return now })
	for i := range 60_000 {
		l.take(netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, byte(i >> 8), byte(i)}))
	}
	if n, _ := l.Sizes(); n > 2_501 {
		t.Errorf("%d networks", n)
	}
	if _, ok := l.take(netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 0xff, 0xfe})); ok {
		t.Error("a network of the wide one has more")
	}
	for i := range 200 {
		for range 2 {
			if _, ok := l.take(netip.AddrFrom16([16]byte{0x20, 1, 0x0d, byte(i)})); !ok && i != 0xb8 {
				t.Fatalf("network %d pays for the wide one", i)
			}
		}
	}
}

func TestValuesThatWereSpentAreBounded(t *testing.T) {
	now := time.Unix(1e9, 0)
	m, err := newMint(func(string) []byte { return make([]byte, 32) }, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50_000 {
		if v := m.sign("a", "b"); !m.spend(v, "a", "b") || m.spend(v, "a", "b") {
			t.Fatalf("value %d", i)
		}
		if i%100 == 0 {
			now = now.Add(time.Second)
		}
	}
	if n := len(m.spent); n > 20_000 {
		t.Errorf("%d values", n)
	}
}

func FuzzMint(f *testing.F) {
	m, err := newMint(func(string) []byte { return make([]byte, 32) }, func() time.Time { return time.Unix(1e9, 0) })
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.sign("appeal", "from 192.0.2.1/32"))
	f.Add("")
	f.Add("AAAA\x00=")
	f.Fuzz(func(t *testing.T, value string) {
		// A value for one purpose and subject is not valid for another.
		if m.valid(value, "erase", "from 192.0.2.1/32") || m.valid(value, "appeal", "from 192.0.2.2/32") || m.valid(value, "appealfrom ", "192.0.2.1/32") {
			t.Errorf("%q is valid", value)
		}
		if _, ok := m.unlock(value); ok {
			t.Errorf("%q is a session", value)
		}
	})
}

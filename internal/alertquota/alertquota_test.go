package alertquota

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestAFloodOfAlertsIsNoFloodOfLines(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, row := range []struct {
		name   string
		client func(i int) netip.Addr
		want   int
	}{
		{"one network of IPv4", func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }, 5},
		{"one network of IPv6", func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8:1:%x::1", i)) }, 5},
		{"one /16", func(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, byte(i), byte(i >> 8)}) }, 25},
		{"one /32 of IPv6", func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8:%x::1", i)) }, 25},
		{"nobody", func(int) netip.Addr { return netip.Addr{} }, 5},
		{"many networks", func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i), byte(i >> 8), 1}) }, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			var q Quota
			n := 0
			for i := range 1000 {
				ok, left, _ := q.Take(row.client(i), began.Add(time.Duration(i)*time.Millisecond))
				if left != 0 {
					t.Fatalf("%d are summed up in the window", left)
				}
				if ok {
					n++
				}
			}
			if n != row.want {
				t.Errorf("%d lines, want %d", n, row.want)
			}
			ok, left, since := q.Take(row.client(0), began.Add(time.Minute))
			if !ok || left != 1000-row.want || !since.Equal(began) {
				t.Errorf("the next window: %v, %d left since %v", ok, left, since)
			}
			if left, _ := q.End(); left != 0 {
				t.Errorf("%d are summed up twice", left)
			}
		})
	}
}

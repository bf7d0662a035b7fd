package database

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A unit is stored as a byte and its address without trailing zeros. So it is short, and sorts
// in the order of units.
const (
	noUnit = 0
	ipv4   = 4
	ipv6   = 6
)

func encodeUnit(u consensus.Unit) []byte {
	switch a := u.Addr(); {
	case a.Is4():
		b := a.As4()
		return append([]byte{ipv4}, b[:]...)
	case a.Is6():
		b := a.As16()
		return append([]byte{ipv6}, b[:8]...)
	}
	return []byte{noUnit} // not empty: some databases treat an empty value as NULL
}

func decodeUnit(b []byte) (consensus.Unit, error) {
	switch {
	case len(b) == 1 && b[0] == noUnit:
		return consensus.Unit{}, nil
	case len(b) == 5 && b[0] == ipv4:
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(b[1:])), 32), nil
	case len(b) == 9 && b[0] == ipv6:
		var a [16]byte
		copy(a[:], b[1:])
		return netip.PrefixFrom(netip.AddrFrom16(a), 64), nil
	}
	return consensus.Unit{}, fmt.Errorf("reading unit: %x is not an address", b)
}

// unitColumn reads a unit.
type unitColumn struct{ unit *consensus.Unit }

func (c unitColumn) Scan(v any) (err error) {
	b, _ := v.([]byte) // decodeUnit refuses nil
	*c.unit, err = decodeUnit(b)
	return err
}

// timeColumn reads a time.
type timeColumn struct {
	t    *time.Time
	unit time.Duration
}

func (c timeColumn) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("reading time: %v is not a whole number", v)
	}
	if c.unit == time.Nanosecond {
		*c.t = fromNanos(n)
		return nil
	}
	*c.t = time.Unix(n*int64(c.unit/time.Second), 0).UTC()
	return nil
}

func at(t *time.Time) timeColumn       { return timeColumn{t, time.Nanosecond} }
func atMinute(t *time.Time) timeColumn { return timeColumn{t, time.Minute} }
func atSecond(t *time.Time) timeColumn { return timeColumn{t, time.Second} }

// number reads a number that may use the highest bit.
type number[T ~uint64] struct{ n *T }

func (c number[T]) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("reading number: %v is not a whole number", v)
	}
	*c.n = T(n)
	return nil
}

func numberOf[T ~uint64](n *T) number[T] { return number[T]{n} }

// jsonColumn reads JSON.
type jsonColumn struct{ into any }

func (c jsonColumn) Scan(v any) error {
	switch v := v.(type) {
	case string:
		return json.Unmarshal([]byte(v), c.into)
	case []byte:
		return json.Unmarshal(v, c.into)
	}
	return fmt.Errorf("reading JSON: got %T, want text", v)
}

// minutes converts the time of a report for the database. It rounds down.
func minutes(t time.Time) int64 {
	n := t.Unix()
	m := n / 60
	if n%60 < 0 {
		m--
	}
	return min(max(m, math.MinInt32), math.MaxInt32)
}

// minutesFrom returns the first minute that is not before a time.
func minutesFrom(t time.Time) int64 { return minutes(t.Add(time.Minute - 1)) }

// secondsFrom returns the first second that is not before a time.
func secondsFrom(t time.Time) int64 { return t.Add(time.Second - 1).Unix() }

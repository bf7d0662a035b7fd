package geo

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
)

// An mmdb describes a database to be made: the format is described at
// https://maxmind.github.io/MaxMind-DB/.
type mmdb struct {
	kind    string // database_type; default: "Test"
	bits    int    // of a record in the tree, 24, 28 or 32; default: 24
	v4      bool   // hold IPv4 addresses only
	entries map[string]any
	twist   *tree // instead of the tree that the entries make
}

// bytes returns the database as a file holds it: the tree of addresses, the
// data that its leaves point to, and what is needed to read both.
func (m mmdb) bytes() []byte {
	if m.bits == 0 {
		m.bits = 24
	}
	version := 6
	if m.v4 {
		version = 4
	}
	if m.kind == "" {
		m.kind = "Test"
	}
	data := newData()
	t := tree{nodes: []node{{}}}
	prefixes := make([]netip.Prefix, 0, len(m.entries))
	for s := range m.entries {
		prefixes = append(prefixes, netip.MustParsePrefix(s))
	}
	// Wider ones first, so that narrower ones are cut out of them.
	slices.SortFunc(prefixes, func(a, b netip.Prefix) int { return a.Bits() - b.Bits() })
	for _, p := range prefixes {
		t.insert(m.key(p), leaf(data.record(m.entries[p.String()])))
	}

	if m.twist != nil {
		t = *m.twist
	}

	file := t.bytes(m.bits)
	file = append(file, make([]byte, 16)...)
	file = append(file, data.Bytes()...)
	file = append(file, "\xab\xcd\xefMaxMind.com"...)
	meta := newData()
	meta.value(map[string]any{
		"binary_format_major_version": uint16(2),
		"binary_format_minor_version": uint16(0),
		"build_epoch":                 uint64(1_790_000_000),
		"database_type":               m.kind,
		"description":                 map[string]any{"en": "made by a test"},
		"ip_version":                  uint16(version),
		"languages":                   []any{},
		"node_count":                  uint32(len(t.nodes)),
		"record_size":                 uint16(m.bits),
	})
	return append(file, meta.Bytes()...)
}

// key returns the bits of p that lead from the root to its leaf.
func (m mmdb) key(p netip.Prefix) []byte {
	addr := p.Addr().AsSlice()
	bits := p.Bits()
	if p.Addr().Is4() && !m.v4 {
		// A tree of IPv6 addresses has those of IPv4 at ::/96.
		addr = append(make([]byte, 12), addr...)
		bits += 96
	}
	key := make([]byte, bits)
	for i := range key {
		key[i] = addr[i/8] >> (7 - i%8) & 1
	}
	return key
}

// A ref is what one side of a node leads to: 0 nothing, n > 0 node n, and
// otherwise a leaf.
type ref int

func leaf(offset int) ref { return ref(-1 - offset) }

type node [2]ref

type tree struct{ nodes []node }

func (t *tree) insert(key []byte, to ref) {
	at := 0
	for _, bit := range key[:len(key)-1] {
		next := t.nodes[at][bit]
		if next <= 0 {
			t.nodes = append(t.nodes, node{next, next})
			next = ref(len(t.nodes) - 1)
			t.nodes[at][bit] = next
		}
		at = int(next)
	}
	t.nodes[at][key[len(key)-1]] = to
}

func (t *tree) bytes(bits int) []byte {
	var out []byte
	for _, n := range t.nodes {
		a, b := t.number(n[0]), t.number(n[1])
		switch bits {
		case 24:
			out = append(out, byte(a>>16), byte(a>>8), byte(a), byte(b>>16), byte(b>>8), byte(b))
		case 28: // the byte in the middle has the top four bits of both
			out = append(out, byte(a>>16), byte(a>>8), byte(a), byte(a>>24<<4|b>>24), byte(b>>16), byte(b>>8), byte(b))
		case 32:
			out = binary.BigEndian.AppendUint32(out, a)
			out = binary.BigEndian.AppendUint32(out, b)
		}
	}
	return out
}

// number returns r as it is written: nodes by number, then one for nothing,
// then the data, from which on offsets count with the 16 zero bytes before it.
func (t *tree) number(r ref) uint32 {
	n := uint32(len(t.nodes))
	switch {
	case r == 0:
		return n
	case r > 0:
		return uint32(r)
	}
	return n + 16 + uint32(-1-r)
}

// A data is a section of values. As in real databases, what was written once
// is pointed to from then on.
type data struct {
	bytes.Buffer
	strings map[string]int // where they stand
	records map[string]int
}

func newData() *data { return &data{strings: map[string]int{}, records: map[string]int{}} }

// record writes what a leaf points to and returns where.
func (d *data) record(v any) int {
	print := fmt.Sprintf("%T%v", v, v) // maps print in the order of their keys
	at, ok := d.records[print]
	if !ok {
		at = d.Len()
		d.records[print] = at
		d.value(v)
	}
	return at
}

func (d *data) value(v any) {
	switch v := v.(type) {
	case string:
		d.string(v)
	case float64:
		d.head(3, 8)
		d.Write(binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
	case uint16:
		d.uint(5, uint64(v))
	case uint32:
		d.uint(6, uint64(v))
	case uint64:
		d.uint(9, v)
	case bool:
		n := 0
		if v {
			n = 1
		}
		d.head(14, n)
	case []any:
		d.head(11, len(v))
		for _, e := range v {
			d.value(e)
		}
	case map[string]any:
		d.head(7, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			d.string(key)
			d.value(v[key])
		}
	default:
		panic(fmt.Sprintf("a database has no %T", v))
	}
}

func (d *data) string(s string) {
	if at, ok := d.strings[s]; ok {
		d.Write(binary.BigEndian.AppendUint32([]byte{1<<5 | 3<<3}, uint32(at)))
		return
	}
	d.strings[s] = d.Len()
	d.head(2, len(s))
	d.WriteString(s)
}

func (d *data) uint(kind int, n uint64) {
	b := bytes.TrimLeft(binary.BigEndian.AppendUint64(nil, n), "\x00")
	d.head(kind, len(b))
	d.Write(b)
}

// head writes what stands before a value: its type and its size. Types above 7
// have a byte of their own, as have sizes above 28.
func (d *data) head(kind, size int) {
	first, rest := size, []byte(nil)
	if size > 28 {
		if size -= 29; size > 255 {
			panic("too large for a test")
		}
		first, rest = 29, []byte{byte(size)}
	}
	if kind > 7 {
		d.Write([]byte{byte(first), byte(kind - 7)})
	} else {
		d.WriteByte(byte(kind<<5 | first))
	}
	d.Write(rest)
}

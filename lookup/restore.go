package lookup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"
	"time"
)

// A decoder builds a table from a snapshot. It trusts no length that it reads:
// memory grows only with what has really arrived and passed its checksum.
type decoder struct {
	r    io.Reader
	n    int64
	body []byte // what is left of the block at hand

	draft *draft
	kinds []uint32 // index in the draft of each kind of the snapshot
	shift int64    // what makes the draft's time of Unix time
	count uint64   // decisions read, the ended ones included
	ended bool     // the end mark was read
}

func (dec *decoder) table() (*Table, error) {
	magic := make([]byte, magicBytes)
	if err := dec.full(magic); err != nil {
		return nil, err
	}
	if string(magic) != snapshotMagic {
		return nil, errForeign
	}
	t := new(Table)
	dec.draft = newDraft(t, emptyState())
	now := time.Now()
	dec.shift = dec.draft.epoch.nanos(now) - now.UnixNano()
	for !dec.ended {
		if err := dec.block(); err != nil {
			return nil, err
		}
	}
	if n, err := io.ReadFull(dec.r, magic[:1]); n > 0 || !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: more bytes after its end", errDamaged)
	}
	dec.draft.finish()
	s := dec.draft.state
	t.cur.Store(&s)
	return t, nil
}

// block reads a block, checks it and takes in its entries.
func (dec *decoder) block() error {
	var head [headBytes]byte
	if err := dec.full(head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxBlock {
		return fmt.Errorf("%w: block of %d bytes at byte %d", errDamaged, size, dec.n)
	}
	if cap(dec.body) < int(size) {
		dec.body = make([]byte, size, maxBlock)
	}
	whole := dec.body[:size]
	if err := dec.full(whole); err != nil {
		return err
	}
	if crc32.Checksum(whole, castagnoli()) != binary.BigEndian.Uint32(head[4:]) {
		return fmt.Errorf("%w: wrong checksum before byte %d", errDamaged, dec.n)
	}
	dec.body = whole
	for len(dec.body) > 0 {
		if !dec.entry() || dec.ended && len(dec.body) > 0 {
			return fmt.Errorf("%w: no valid entry before byte %d", errDamaged, dec.n)
		}
	}
	dec.body = whole[:0]
	return nil
}

// entry takes in one entry and reports whether it was valid.
func (dec *decoder) entry() bool {
	switch mark := dec.body[0]; {
	case mark == kindMark:
		dec.body = dec.body[1:]
		return dec.kind()
	case mark == endMark:
		dec.body = dec.body[1:]
		n, ok := dec.number()
		dec.ended = true
		return ok && n == dec.count
	case mark <= 32:
		return dec.decision(4, int(mark))
	case mark >= v6Mark && mark <= v6Mark+128:
		return dec.decision(16, int(mark)-v6Mark)
	}
	return false
}

func (dec *decoder) kind() bool {
	if len(dec.body) == 0 || len(dec.kinds) >= maxKinds {
		return false
	}
	k := kind{action: Action(dec.body[0])}
	dec.body = dec.body[1:]
	for _, word := range []*string{&k.source, &k.origin, &k.reason} {
		n, ok := dec.number()
		if !ok || n > uint64(len(dec.body)) {
			return false
		}
		*word, dec.body = string(dec.body[:n]), dec.body[n:]
	}
	if k.action == None || k.action > Ban {
		return false
	}
	dec.kinds = append(dec.kinds, dec.draft.kindIndex(k))
	return true
}

func (dec *decoder) decision(size, bits int) bool {
	if len(dec.body) < 1+size {
		return false
	}
	ip, _ := netip.AddrFromSlice(dec.body[1 : 1+size])
	dec.body = dec.body[1+size:]
	k, ok1 := dec.number()
	until, ok2 := dec.time()
	since, ok3 := dec.time()
	p, ok4 := NormalizePrefix(netip.PrefixFrom(ip, bits))
	if !ok1 || !ok2 || !ok3 || !ok4 || k >= uint64(len(dec.kinds)) {
		return false
	}
	dec.count++
	if until > dec.draft.now {
		dec.draft.put(p, record{until, since, dec.kinds[k]})
	}
	return true
}

func (dec *decoder) number() (uint64, bool) {
	v, n := binary.Uvarint(dec.body)
	if n <= 0 {
		return 0, false
	}
	dec.body = dec.body[n:]
	return v, true
}

func (dec *decoder) time() (int64, bool) {
	v, n := binary.Varint(dec.body)
	if n <= 0 {
		return 0, false
	}
	dec.body = dec.body[n:]
	return shift(v, dec.shift), true
}

// full fills b. An end within it means that the snapshot was cut.
func (dec *decoder) full(b []byte) error {
	n, err := io.ReadFull(dec.r, b)
	dec.n += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends at byte %d", errDamaged, dec.n)
	}
	return err
}

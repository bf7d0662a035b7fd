package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tocsin-project/tocsin/community"
)

const (
	// maxForms bounds the encodings that are kept: a few for each protocol and format.
	maxForms = 32
	// maxRare bounds those that are kept of lists by behaviour, whose names readers choose.
	maxRare = 64
	// settle is for how long an encoding is used though the list has changed, so that a list
	// that changes all the time is not encoded all the time. What changed comes in the next
	// delta.
	settle = time.Second
	// drift is for how long an encoding is used. Remaining times in it are given shorter by so
	// much, so that nothing lasts longer than it should.
	drift = 30 * time.Second
)

// A form is one way to write the whole list.
type form struct {
	name  string
	write func(b []byte, list *community.List, now time.Time) ([]byte, error)
}

// encodings keep the latest encoding of each form, for all readers.
type encodings struct {
	mu   sync.Mutex
	last *simplelru.LRU[string, *encoding]
}

func newEncodings(size int) *encodings {
	last, _ := simplelru.NewLRU[string, *encoding](size, nil) // fails for a size below 1 only
	return &encodings{last: last}
}

// An encoding has the latest snapshot of a form. Who needs a new one makes it, and others
// wait.
type encoding struct {
	mu  sync.Mutex
	cur *snapshot
}

// A snapshot is the whole list in one form. It never changes.
type snapshot struct {
	seq      uint64
	body     []byte
	packed   func() []byte // body, compressed with gzip when it is first asked for
	tag      string        // of its content
	made     time.Time
	modified time.Time // when the content was first seen, in whole seconds, not earlier
}

// get returns the list in a form, at most as old as its reader can stand.
func (e *encodings) get(f form, list *community.List, now time.Time) (*snapshot, error) {
	e.mu.Lock()
	slot, ok := e.last.Get(f.name)
	if !ok {
		slot = &encoding{}
		e.last.Add(f.name, slot)
	}
	e.mu.Unlock()

	slot.mu.Lock()
	defer slot.mu.Unlock()
	if !slot.cur.serves(list, now) {
		s, err := newSnapshot(f, list, now, slot.cur)
		if err != nil {
			return nil, err
		}
		slot.cur = s
	}
	return slot.cur, nil
}

// uncached returns the list in a form that only one reader wants.
func uncached(f form, list *community.List, now time.Time) (*snapshot, error) {
	return newSnapshot(f, list, now, nil)
}

func (s *snapshot) serves(list *community.List, now time.Time) bool {
	if s == nil {
		return false
	}
	age := now.Sub(s.made)
	if age < 0 {
		return false // the clock was set back
	}
	return age < settle || age < drift && s.seq == seqOf(list)
}

func newSnapshot(f form, list *community.List, now time.Time, last *snapshot) (*snapshot, error) {
	var size int
	if last != nil {
		size = len(last.body) + len(last.body)/8
	}
	body, err := f.write(make([]byte, 0, size), list, now)
	if err != nil {
		return nil, err
	}
	s := &snapshot{seq: seqOf(list), body: body, made: now}
	sum := sha256.Sum256(s.body)
	s.tag = base64.RawURLEncoding.EncodeToString(sum[:12])
	s.packed = sync.OnceValue(func() []byte { return pack(s.body) })
	if s.modified = now.Add(time.Second - 1).Truncate(time.Second); last != nil && last.tag == s.tag {
		s.modified = last.modified
	}
	return s, nil
}

// pack compresses a body. The fastest level saves most of what there is to save.
func pack(body []byte) []byte {
	var b bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // fails for an unknown level only
	_, _ = zw.Write(body)                            // a buffer takes everything
	_ = zw.Close()
	return b.Bytes()
}

// seqOf, entriesOf: a list that is nil is empty.
func seqOf(list *community.List) uint64 {
	if list == nil {
		return 0
	}
	return list.Seq
}

func entriesOf(list *community.List) []community.Listing {
	if list == nil {
		return nil
	}
	return list.Entries
}

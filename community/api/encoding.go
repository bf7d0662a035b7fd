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
	// maxForms is the limit of stored encodings: a few for each protocol and format.
	maxForms = 32
	// maxRare is the limit for lists by behaviour, whose names readers choose.
	maxRare = 64
	// settle is how long an encoding is used after the list has changed, so that frequent
	// changes do not cause as many encodings. Readers get the changes in the next delta.
	settle = time.Second
	// drift is how long an encoding is used at most. Remaining times in it are shorter by this
	// time, so that no decision lasts too long.
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
	last, _ := simplelru.NewLRU[string, *encoding](size, nil) // fails only for a size below 1
	return &encodings{last: last}
}

// An encoding has the latest snapshot of a form. The first caller that needs a new one makes
// it, and others wait.
type encoding struct {
	mu  sync.Mutex
	cur *snapshot
}

// A snapshot is the whole list in one form. It is immutable.
type snapshot struct {
	seq      uint64
	body     []byte
	packed   func() []byte // body, compressed with gzip at the first call
	tag      string        // hash of the content
	made     time.Time
	modified time.Time // when the content was first seen, rounded up to seconds
}

// get returns the list in a form, at most as old as its reader allows.
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
		return false // the clock went back
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

// pack compresses a body. The fastest level already saves most of the bytes.
func pack(body []byte) []byte {
	var b bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // fails only for an unknown level
	_, _ = zw.Write(body)                            // a buffer never fails
	_ = zw.Close()
	return b.Bytes()
}

// seqOf and entriesOf treat a nil list as empty.
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

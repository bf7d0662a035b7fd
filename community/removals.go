package community

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/internal/files"
)

// A Removal is something that a centre has removed, and that must stay removed if an older
// backup of its databases is restored.
type Removal struct {
	At   time.Time   `json:"at"`
	What RemovalKind `json:"what"`
	Hash []byte      `json:"hash"` // keyed hash of the unit or of the member
}

// A RemovalKind says what was removed.
type RemovalKind string

// Kinds of removals.
const (
	RemovedListing RemovalKind = "listing" // by an appeal or a moderator
	RemovedData    RemovalKind = "data"    // all data about a unit
	RemovedMember  RemovalKind = "member"  // it left
)

// Removals keeps removals outside of the databases, so that it survives their restore.
type Removals interface {
	// Add adds removals. When it returns, they are on disk.
	Add(removals ...Removal) error
	// All returns all removals in their order.
	All() ([]Removal, error)
	// Forget deletes the removals before a time.
	Forget(before time.Time) error
}

// A RemovalFile keeps removals in a file with a line of JSON for each. It needs no open
// descriptor, so it has no Close.
type RemovalFile struct {
	mu   sync.Mutex
	path string
}

// NewRemovalFile returns the removals of a file, which need not exist yet. Do not back it up and
// restore it with the databases.
func NewRemovalFile(path string) *RemovalFile { return &RemovalFile{path: path} }

// Add is part of [Removals].
func (f *RemovalFile) Add(removals ...Removal) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	log, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("noting a removal: %w", err)
	}
	lines, err := f.lines(removals)
	if err == nil && tornEnd(log) {
		lines = append([]byte("\n"), lines...)
	}
	if err == nil {
		_, err = log.Write(lines)
	}
	if err = errors.Join(err, log.Sync(), log.Close()); err != nil {
		return fmt.Errorf("noting a removal: %w", err)
	}
	return nil
}

func (f *RemovalFile) lines(removals []Removal) (lines []byte, err error) {
	for _, r := range removals {
		line, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		lines = append(append(lines, line...), '\n')
	}
	return lines, nil
}

// tornEnd reports whether the last line of a file has no end, because the server died while it
// wrote that line.
func tornEnd(log *os.File) bool {
	end, err := log.Seek(0, io.SeekEnd)
	if err != nil || end == 0 {
		return false
	}
	var last [1]byte
	_, err = log.ReadAt(last[:], end-1)
	return err == nil && last[0] != '\n'
}

// All is part of [Removals]. It skips lines that are damaged.
func (f *RemovalFile) All() ([]Removal, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read()
}

func (f *RemovalFile) read() (all []Removal, err error) {
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading removals: %w", err)
	}
	for line := range bytes.Lines(text) {
		var r Removal
		if json.Unmarshal(line, &r) == nil && !r.At.IsZero() && len(r.Hash) > 0 {
			all = append(all, r)
		}
	}
	return all, nil
}

// Forget is part of [Removals]. It replaces the file only if something is too old.
func (f *RemovalFile) Forget(before time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, err := f.read()
	if err != nil {
		return err
	}
	var kept []Removal
	for _, r := range all {
		if !r.At.Before(before) {
			kept = append(kept, r)
		}
	}
	if len(kept) == len(all) {
		return nil
	}
	lines, err := f.lines(kept)
	if err == nil {
		err = files.Replace(f.path, func(w io.Writer) error {
			_, err := w.Write(lines)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("forgetting removals: %w", err)
	}
	return nil
}

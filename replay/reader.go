package replay

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

const (
	maxFiles    = 256 // each open file uses memory
	maxExamples = 5   // how many skipped lines are shown
	stdin       = "-"
)

// A Reader reads requests from logs. Only one goroutine may use it, except for Progress.
type Reader struct {
	sources []*source
	files   []io.Closer
	total   int64
	begun   bool
	skipped Skipped
}

// Skipped describes the lines without a request.
type Skipped struct {
	Lines    int           `json:"lines"`
	Examples []SkippedLine `json:"examples,omitempty"` // the first few
	Broken   []string      `json:"broken,omitempty"`   // files that could not be read completely, and why
}

// A SkippedLine is a line without a request.
type SkippedLine struct {
	At     string `json:"at"` // such as access.log:12
	Reason string `json:"reason"`
}

func (s *Skipped) add(at string, reason error) {
	if s.Lines++; len(s.Examples) < maxExamples {
		s.Examples = append(s.Examples, SkippedLine{at, reason.Error()})
	}
}

// Open opens logs, compressed with gzip or not; - is standard input. The caller must close
// the Reader.
func Open(paths ...string) (*Reader, error) {
	if len(paths) > maxFiles {
		return nil, fmt.Errorf("opening %d logs: want at most %d; write them into one, such as with cat FILE… | tocsin replay -", len(paths), maxFiles)
	}
	r := new(Reader)
	for _, p := range paths {
		if err := r.open(p); err != nil {
			return nil, errors.Join(fmt.Errorf("opening the log: %w", err), r.Close())
		}
	}
	return r, nil
}

func (r *Reader) open(path string) error {
	if path == stdin {
		r.Add(stdin, os.Stdin)
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	r.files = append(r.files, f)
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s: a folder: name the files in it", path)
	}
	r.total += info.Size()
	r.Add(path, f)
	return nil
}

// Add adds a log that is read from text. Call it before the first request is read.
func (r *Reader) Add(name string, text io.Reader) {
	r.sources = append(r.sources, &source{name: name, file: text, redacted: map[string]int{}, skipped: &r.skipped})
}

// KeepAllHeaders keeps all header fields that a log has, and not only those that detection
// uses.
func (r *Reader) KeepAllHeaders() {
	for _, s := range r.sources {
		s.allHeaders = true
	}
}

// AssumeHost sets the host for requests whose log line has none, as is usual in common and
// combined logs. Without it, a link from another site looks like one from the same site.
func (r *Reader) AssumeHost(name string) {
	for _, s := range r.sources {
		s.host = name
	}
}

// All returns the requests. Requests of one log keep their order. Several logs are merged by
// time, and at the same time the log that was named first comes first.
func (r *Reader) All() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for e := r.next(); e != nil; e = r.next() {
			if !yield(e) {
				return
			}
		}
	}
}

// recycle takes back an entry that is no longer used.
func recycle(e *Entry) { e.of.used = e }

// next returns the next request, or nil at the end.
func (r *Reader) next() *Entry {
	if !r.begun {
		r.begun = true
		for _, s := range r.sources {
			s.next()
		}
	}
	var first *source
	for _, s := range r.sources {
		if s.head != nil && (first == nil || s.head.end().Before(first.head.end())) {
			first = s
		}
	}
	if first == nil {
		return nil
	}
	e := first.head
	first.next()
	return e
}

// Skipped returns the lines skipped so far.
func (r *Reader) Skipped() Skipped { return r.skipped }

// Redacted returns how many values Caddy has redacted in the lines read so far, by header
// field.
func (r *Reader) Redacted() map[string]int {
	sum := map[string]int{}
	for _, s := range r.sources {
		for name, n := range s.redacted {
			sum[name] += n
		}
	}
	return sum
}

// Progress returns how many bytes of the files were read, and their total size, or 0 if that
// is unknown.
func (r *Reader) Progress() (read, total int64) {
	for _, s := range r.sources {
		if s.name == stdin {
			return 0, 0
		}
		read += s.read.Load()
	}
	return read, r.total
}

// Close closes the files.
func (r *Reader) Close() error {
	var errs []error
	for _, f := range r.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

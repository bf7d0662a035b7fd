package replay

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

const (
	maxFiles    = 256 // of which each takes memory while it is read
	maxExamples = 5   // lines that are shown
	stdin       = "-"
)

// A Reader reads requests out of logs. It is for one goroutine, but for Progress.
type Reader struct {
	sources []*source
	files   []io.Closer
	total   int64
	begun   bool
	skipped Skipped
}

// Skipped says what of the logs tells of no request.
type Skipped struct {
	Lines    int           `json:"lines"`
	Examples []SkippedLine `json:"examples,omitempty"` // the first few
	Broken   []string      `json:"broken,omitempty"`   // files that could not be read to their end, and why
}

// A SkippedLine is a line that tells of no request.
type SkippedLine struct {
	At     string `json:"at"` // such as access.log:12
	Reason string `json:"reason"`
}

func (s *Skipped) add(at string, reason error) {
	if s.Lines++; len(s.Examples) < maxExamples {
		s.Examples = append(s.Examples, SkippedLine{at, reason.Error()})
	}
}

// Open opens logs, packed with gzip or not; - is standard input. They are to be
// closed.
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

// Add adds a log that is read from text. It is to be called before the first
// request is read.
func (r *Reader) Add(name string, text io.Reader) {
	r.sources = append(r.sources, &source{name: name, file: text, redacted: map[string]int{}, skipped: &r.skipped})
}

// KeepAllHeaders has all fields of the headers kept that a log has, and not only
// those that detection looks at.
func (r *Reader) KeepAllHeaders() {
	for _, s := range r.sources {
		s.allHeaders = true
	}
}

// AssumeHost says which host requests are for where a log names none, as common
// and combined logs mostly do. Without that a link from another site looks like
// one of the same.
func (r *Reader) AssumeHost(name string) {
	for _, s := range r.sources {
		s.host = name
	}
}

// All returns the requests. Those of each log come in the order in which they
// stand there; several logs are merged by time, and where that is the same the one
// that was named first comes first.
func (r *Reader) All() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for e := r.next(); e != nil; e = r.next() {
			if !yield(e) {
				return
			}
		}
	}
}

// recycle takes an entry back, which nobody looks at any more.
func recycle(e *Entry) { e.of.used = e }

// next returns the next request, nil at the end.
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

// Skipped returns what was skipped so far.
func (r *Reader) Skipped() Skipped { return r.skipped }

// Redacted returns how many values of which fields of headers Caddy has kept for
// itself in what was read so far.
func (r *Reader) Redacted() map[string]int {
	sum := map[string]int{}
	for _, s := range r.sources {
		for name, n := range s.redacted {
			sum[name] += n
		}
	}
	return sum
}

// Progress returns how many bytes of the files were read, and how many there are;
// 0 if that is not known.
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

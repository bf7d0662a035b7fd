package lists

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
)

// maxLine is how many bytes a line may have. Entries need fewer than a
// hundred; the rest is for comments.
const maxLine = 64 << 10

var (
	errLongLine  = fmt.Errorf("longer than %d bytes", maxLine)
	errManyLines = errors.New("too many lines")
	errSeveral   = errors.New("more than one address")
	errMarkup    = errors.New("markup, as of an HTML page")
	errBinary    = errors.New("binary data: want text, or text packed with gzip; unpack archives such as zip first")
)

// A parser reads the text of a list. Its memory does not grow with what it
// reads.
type parser struct {
	private  bool // reserved ranges are welcome
	whole    bool // a list with one bad line is refused
	maxLines int  // of the text, and ranges in it
}

// parse calls add for each range in r, normalized and believable. Its error
// means that r was not read to its end, or is refused as a whole. What begins
// with markup is an error page or the like, and an address that stands alone on
// a line of it would be the client's own more often than not.
func (p parser) parse(r io.Reader, add func(netip.Prefix)) (Stats, error) {
	in := bufio.NewReaderSize(&textReader{from: r}, maxLine)
	head, _ := in.Peek(maxLine / 2) // what goes wrong does so again
	if text, ok := bytes.CutPrefix(head, []byte("\uFEFF")); ok {
		_, _ = in.Discard(len(head) - len(text))
		head = text
	}
	t := &lineReader{parser: p, add: add}
	if beginsArray(head) {
		return t.stats, t.array(in)
	}
	return t.stats, t.lines(in)
}

// A textReader gives what it reads as long as that is text. It repeats its
// error.
type textReader struct {
	from io.Reader
	err  error
}

func (t *textReader) Read(b []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.from.Read(b)
	for _, c := range b[:n] {
		if c < ' ' && (c < '\t' || c > '\r') {
			n, err = 0, errBinary
			break
		}
	}
	t.err = err
	return n, err
}

// A taking is the work of one parse.
type lineReader struct {
	parser
	add   func(netip.Prefix)
	stats Stats
}

func (t *lineReader) lines(in *bufio.Reader) error {
	var found []netip.Prefix
	for {
		line, err := nextLine(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, errLongLine) {
			return fmt.Errorf("line %d: %w", t.stats.Lines+1, err)
		}
		if err := t.count(); err != nil {
			return err
		}
		if err == nil {
			found, err = t.line(line, found[:0])
		}
		if err := t.take(BadLine{Number: t.stats.Lines, Err: err}, found); err != nil {
			return err
		}
	}
}

// count counts a line, unless there are too many.
func (t *lineReader) count() error {
	if t.stats.Lines == t.maxLines {
		return fmt.Errorf("%w: at most %d are read", errManyLines, t.maxLines)
	}
	t.stats.Lines++
	return nil
}

// take takes what was found on a line, or notes that the line is bad. Its error
// means that the whole list is refused.
func (t *lineReader) take(line BadLine, found []netip.Prefix) error {
	switch {
	case line.Err == nil:
	case t.whole, errors.Is(line.Err, errMarkup) && t.stats.Entries+t.stats.Skipped == 0:
		return fmt.Errorf("%s %d: %w", line.unit(), line.Number, line.Err)
	default:
		t.stats.report(line)
		return nil
	}
	// One line can stand for hundreds of ranges, from one address to another.
	if t.stats.Entries += len(found); t.stats.Entries > t.maxLines {
		return fmt.Errorf("%w: with the ranges between two addresses there are more than %d", errManyLines, t.maxLines)
	}
	for _, p := range found {
		t.add(p)
	}
	return nil
}

// nextLine returns the next line of in, which is good until the next call. Of
// a line that does not fit into in's buffer nothing is kept: it is skipped,
// and the error is errLongLine.
func nextLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		if len(line) > 0 && errors.Is(err, io.EOF) {
			err = nil
		}
		return line, err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = in.ReadSlice('\n')
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = errLongLine
	}
	return nil, err
}

// line appends to found what a line lists. Nothing without an error means that
// the line has nothing to say. What begins with # or ; is a comment.
func (p parser) line(line []byte, found []netip.Prefix) ([]netip.Prefix, error) {
	line = bytes.Trim(line, " \t\r\n")
	switch {
	case len(line) == 0:
		return found, nil
	case line[0] == '<':
		return nil, fmt.Errorf("%.64q: %w", line, errMarkup)
	case line[0] == '{':
		text, err := member(line)
		if err != nil || text == "" {
			return found, err
		}
		return p.entry(text, found)
	}
	if i := bytes.IndexAny(line, "#;"); i >= 0 {
		line = bytes.TrimRight(line[:i], " \t")
	}
	if len(line) == 0 {
		return found, nil
	}
	return p.row(string(line), found)
}

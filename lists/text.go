package lists

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/tocsin-project/tocsin/lookup"
)

// maxLine is how many bytes a line may have. Entries need fewer than a
// hundred; the rest is for comments.
const maxLine = 64 << 10

var (
	errLongLine  = fmt.Errorf("longer than %d bytes", maxLine)
	errManyLines = errors.New("too many lines")
	errSeveral   = errors.New("more than one address")
	errNoCIDR    = errors.New("JSON without a cidr")
	errMarkup    = errors.New("markup, as of an HTML page")
)

// A parser reads the text of a blocklist. Its memory does not grow with what
// it reads.
type parser struct {
	private  bool // reserved ranges are welcome
	maxLines int
}

// parse calls add for each entry of r, normalized and believable. Its error
// means that r was not read to its end. What begins with markup is an error
// page or the like, and an address that stands alone on a line of it would be
// the client's own more often than not.
func (p parser) parse(r io.Reader, add func(netip.Prefix)) (Stats, error) {
	var s Stats
	in := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := nextLine(in)
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil && !errors.Is(err, errLongLine) {
			return s, fmt.Errorf("line %d: %w", s.Lines+1, err)
		}
		if s.Lines == p.maxLines {
			return s, fmt.Errorf("%w: at most %d are read", errManyLines, p.maxLines)
		}
		s.Lines++
		if s.Lines == 1 {
			line = bytes.TrimPrefix(line, []byte("\uFEFF"))
		}
		var entry netip.Prefix
		if err == nil {
			entry, err = p.entry(line)
		}
		switch {
		case errors.Is(err, errMarkup) && s.Entries+s.Skipped == 0:
			return s, fmt.Errorf("line %d: %w", s.Lines, err)
		case err != nil:
			s.report(s.Lines, err)
		case entry.IsValid():
			s.Entries++
			add(entry)
		}
	}
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

// entry returns what line lists. The zero Prefix without an error means that
// it has nothing to say.
func (p parser) entry(line []byte) (netip.Prefix, error) {
	line = bytes.Trim(line, " \t\r\n")
	var field string
	switch {
	case len(line) == 0:
		return netip.Prefix{}, nil
	case line[0] == '<':
		return netip.Prefix{}, fmt.Errorf("%.64q: %w", line, errMarkup)
	case line[0] == '{':
		cidr, err := jsonField(line)
		if err != nil || cidr == "" {
			return netip.Prefix{}, err
		}
		field = cidr
	default:
		text, err := textField(line)
		if err != nil || len(text) == 0 {
			return netip.Prefix{}, err
		}
		field = string(text)
	}
	entry, err := lookup.ParsePrefix(field)
	if err != nil {
		return netip.Prefix{}, err
	}
	if err := check(entry, p.private); err != nil {
		return netip.Prefix{}, err
	}
	return entry, nil
}

// textField returns the first field of line, less any comment. Further fields
// are remarks, such as a number of sightings, but for addresses: a range given
// by its two ends, say, must not pass for its first address alone.
func textField(line []byte) ([]byte, error) {
	if i := bytes.IndexAny(line, "#;"); i >= 0 {
		line = line[:i]
	}
	end := bytes.IndexAny(line, " \t")
	if end < 0 {
		return line, nil
	}
	for more := range bytes.FieldsSeq(line[end:]) {
		if _, err := lookup.ParsePrefix(string(more)); err == nil {
			return nil, fmt.Errorf("%.64q: %w", line, errSeveral)
		}
	}
	return line[:end], nil
}

// jsonField returns the range in a line of Spamhaus's drop_v4.json and
// drop_v6.json, or nothing for the line of metadata at their end.
func jsonField(line []byte) (string, error) {
	var v struct {
		CIDR string `json:"cidr"`
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &v); err != nil {
		return "", fmt.Errorf("%.64q: %w", line, err)
	}
	if v.CIDR == "" && v.Type != "metadata" {
		return "", fmt.Errorf("%.64q: %w", line, errNoCIDR)
	}
	return v.CIDR, nil
}

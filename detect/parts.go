package detect

import (
	"bytes"
	"strings"
)

// eachPart calls f for the fields of a multipart form, but not for its files. It ignores the
// boundary, because different parsers read it differently. Instead, every line that
// describes a part begins a new one.
func eachPart(body []byte, f func(key, value string)) {
	const describes = "content-disposition:"
	for len(body) > 0 {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte("\n"))
		if len(line) < len(describes) || !strings.EqualFold(string(line[:len(describes)]), describes) {
			continue
		}
		name, ok := partName(string(line[len(describes):]))
		var value []byte
		value, body = partValue(body)
		if ok {
			f(name, string(value))
		}
	}
}

// partName returns the field name in the description of a part, unless it is a file.
func partName(description string) (name string, ok bool) {
	for param := range strings.SplitSeq(description, ";") {
		key, value, _ := strings.Cut(param, "=")
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "name":
			name, ok = strings.Trim(strings.TrimSpace(value), `"'`), true
		case "filename", "filename*":
			return "", false
		}
	}
	return name, ok
}

// partValue returns the value of a part, after its other headers and up to a possible
// boundary, and the rest.
func partValue(body []byte) (value, rest []byte) {
	for len(body) > 0 {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte("\n"))
		if len(bytes.TrimRight(line, "\r")) == 0 {
			break
		}
	}
	end := bytes.Index(body, []byte("\n--"))
	if end < 0 {
		return body, nil
	}
	return bytes.TrimSuffix(body[:end], []byte("\r")), body[end+1:]
}

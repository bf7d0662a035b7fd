package replay

import (
	"strconv"
	"strings"
)

// parseCombined reads a line of a common or combined log, as Apache and nginx
// write it, with the name of a virtual host before it or without:
//
//	[vhost] client ident user [time] "request" status size ["referer" "user agent"]
//
// What follows is not looked at. What clients send stands between quotes, and a
// server escapes those that clients send, so no client can end a field.
func parseCombined(line string, e *Entry) error {
	head, rest, ok := cutTime(line, e)
	if !ok {
		return errNoLog
	}
	if !e.setParties(head) {
		return errNoClient
	}
	request, rest, _ := quoted(rest)
	status, rest := word(rest)
	n, err := strconv.Atoi(status)
	if err != nil || n < 100 || n > 999 {
		return errNoStatus
	}
	if request == "" || request == "-" {
		return errNoRequest
	}
	e.setRequestLine(request)
	e.Status = n
	size, rest := word(rest)
	e.Size = parseSize(size)
	referer, rest, _ := quoted(rest)
	userAgent, _, _ := quoted(rest)
	e.setAgents(dash(userAgent), dash(referer))
	return nil
}

// cutTime sets the time, and returns what stands before and after it. A user's
// name may look like a time, but has no quote behind it.
func cutTime(line string, e *Entry) (before, after string, ok bool) {
	const length = len(commonLayout)
	for from := 0; ; {
		i := strings.Index(line[from:], " [")
		if i < 0 {
			return "", "", false
		}
		before, after = line[:from+i], line[from+i+2:]
		from += i + 2
		if len(after) < length+3 || after[length:length+3] != `] "` {
			continue
		}
		if e.Time, ok = parseCommonTime(after[:length]); ok {
			return before, after[length+1:], true
		}
	}
}

// setParties sets the client and the host out of what stands before the time. No
// identity of RFC 1413, which would come second, is an address.
func (e *Entry) setParties(head string) bool {
	first, rest := word(head)
	second, _ := word(rest)
	ip, ok := parseClient(second)
	if ok {
		e.Host = dash(first)
	} else if ip, ok = parseClient(first); !ok {
		return false
	}
	e.Client = ip
	return true
}

// word returns the first word of s, and what follows.
func word(s string) (first, rest string) {
	s = strings.TrimLeft(s, " ")
	first, rest, _ = strings.Cut(s, " ")
	return first, rest
}

// dash returns s, or nothing where a log has a dash for that.
func dash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

// quoted returns what stands in quotes at the beginning of s, without escapes, and
// what follows. It reports whether there is such. What is cut off ends with s.
func quoted(s string) (text, rest string, ok bool) {
	s = strings.TrimLeft(s, " ")
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	s = s[1:]
	end := strings.IndexByte(s, '"')
	if end >= 0 && strings.IndexByte(s[:end], '\\') < 0 {
		return s[:end], s[end+1:], true
	}
	for end = 0; end < len(s) && s[end] != '"'; end++ {
		if s[end] == '\\' {
			end++
		}
	}
	end = min(end, len(s))
	return unescape(s[:end]), s[min(end+1, len(s)):], true
}

// unescape returns what Apache or nginx wrote s for. What is no escape stays.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case '\\', '"':
			b = append(b, c)
		case 'b', 'f', 'n', 'r', 't', 'v':
			b = append(b, "\b\f\n\r\t\v"[strings.IndexByte("bfnrtv", c)])
		case 'x':
			if i+2 < len(s) {
				if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
					b = append(b, byte(n))
					i += 2
					continue
				}
			}
			b = append(b, '\\', c)
		default:
			b = append(b, '\\', c)
		}
	}
	return string(b)
}

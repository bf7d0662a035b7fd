package detect

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"

	"github.com/corazawaf/libinjection-go"
)

// maxResult is the largest result of a helper, in bytes.
const maxResult = 1 << 20

// errLong is the error of a helper whose result would be longer.
var errLong = fmt.Errorf("the result is longer than %d bytes", maxResult)

// isSQLInjection and isXSS search only as many bytes of a text as a field can have. This
// takes up to three milliseconds.
func isSQLInjection(s string) bool {
	found, _ := libinjection.IsSQLi(clip(s))
	return found
}

func isXSS(s string) bool { return libinjection.IsXSS(clip(s)) }

func b64Decode(s string) (string, error) {
	text, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", fmt.Errorf("reading base64: %w", err)
	}
	return string(text), nil
}

// sprintf formats texts and numbers. It limits the widths, because a width in the format or
// in an argument can ask for any length.
func sprintf(format string, args []any) (string, error) {
	size, longest := len(format), 0
	for _, a := range args {
		switch a := a.(type) {
		case string:
			longest = max(longest, len(a))
		case []string:
			n := 0
			for _, s := range a {
				n += len(s) + 1
			}
			longest = max(longest, n)
		case nil, bool, int, int64, float64:
		default:
			return "", fmt.Errorf("formatting %T: want texts and numbers", a)
		}
	}
	const number, quoted = 400, 10 // the longest number, and the longest form of one byte
	size += strings.Count(format, "%") * (number + quoted*longest)
	if width := widths(format); width < 0 || size+width > maxResult {
		return "", errLong
	}
	return fmt.Sprintf(format, args...), nil
}

// widths returns the sum of all numbers in the verbs of a format, or -1 if the sum is too
// large or a width is an argument.
func widths(format string) int {
	sum, n, verb := 0, 0, false
	for _, c := range []byte(format) {
		switch {
		case c == '%':
			verb = !verb
		case !verb:
		case c == '*':
			return -1
		case c >= '0' && c <= '9':
			n = n*10 + int(c-'0')
			if sum+n > maxResult {
				return -1
			}
			continue
		case strings.IndexByte("+-# .[]", c) < 0:
			verb = false
		}
		sum, n = sum+n, 0
	}
	return sum + n
}

func replace(s, old, with string, n int) (string, error) {
	times := strings.Count(s, old)
	if n >= 0 {
		times = min(times, n)
	}
	if len(s)+times*len(with) > maxResult {
		return "", errLong
	}
	return strings.Replace(s, old, with, n), nil
}

func joinTexts(parts []string, sep string) (string, error) {
	size := len(parts) * len(sep)
	for _, p := range parts {
		size += len(p)
	}
	if size > maxResult {
		return "", errLong
	}
	return strings.Join(parts, sep), nil
}

// parseQuery parses a query as CrowdSec does: a semicolon is not a separator, and malformed
// escapes stay as they are.
func parseQuery(query string) url.Values {
	values := make(url.Values)
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		key, value = unescapeQuery(key), unescapeQuery(value)
		values[key] = append(values[key], value)
	}
	return values
}

func unescapeQuery(s string) string {
	return string(appendUnescaped(nil, strings.ReplaceAll(s, "+", " ")))
}

func queryParam(uri, name string) []string {
	_, query, _ := strings.Cut(uri, "?")
	if values := parseQuery(query)[name]; values != nil {
		return values
	}
	return []string{}
}

func toJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}

// flatten appends the elements of v, and of all lists inside it, to list.
func flatten(list []any, v reflect.Value) []any {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() != reflect.Array && v.Kind() != reflect.Slice {
		return append(list, v.Interface())
	}
	for i := range v.Len() {
		list = flatten(list, v.Index(i))
	}
	return list
}

// distinctOf returns the distinct elements of a list, or none if it is not a list.
func distinctOf(list any) any {
	v := reflect.ValueOf(list)
	if v.Kind() != reflect.Array && v.Kind() != reflect.Slice {
		return nil
	}
	seen := make(map[any]bool)
	all := make([]any, 0, v.Len())
	for i := range v.Len() {
		if x := v.Index(i).Interface(); !seen[x] {
			seen[x] = true
			all = append(all, x)
		}
	}
	return all
}

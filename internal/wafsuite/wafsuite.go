// Package wafsuite reads requests with what CrowdSec's AppSec makes of them, for tests of
// the WAF: our own small suite, and those in the folder that the environment variable
// TOCSIN_WAF_SUITE names.
package wafsuite

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Dir returns the folder of the suites that are not part of this module. Tests that want
// them are skipped without it.
func Dir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("TOCSIN_WAF_SUITE")
	if dir == "" {
		t.Skip("TOCSIN_WAF_SUITE names no folder of suites")
	}
	return dir
}

// A Vector is a request of a suite. One code point of its strings is one byte.
type Vector struct {
	ID, Note, Method, Target, Proto string

	Headers [][2]string
	Body    []byte `json:"body_b64"`
	Chunked bool
}

// An Expectation is what CrowdSec's engine makes of a vector.
type Expectation struct {
	ID        string
	Blocked   bool
	Rules     []string // that stop it, each on its own
	OutOfBand []string `json:"out_of_band"`
	Zones     []string
	Unstable  any    // it answers by chance
	Go        string // net/http answers without asking a handler
	Error     string
	All       *Expectation // with all rules loaded
}

// A Suite is a folder of vectors, and the rules that they are held against.
type Suite struct {
	Name      string
	InBand    []string // files of rules
	OutOfBand []string
	Vectors   []Vector
	Wants     []Expectation
}

// In reads the suites of a folder.
func In(t testing.TB, dir string) []Suite {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "requests.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no suites in %s: %v", dir, err)
	}
	var all []Suite
	for _, file := range files {
		own := filepath.Dir(file)
		s := Suite{Name: filepath.Base(own)}
		s.InBand = ruleNames(t, dir, own, "rules.txt")
		s.OutOfBand = ruleNames(t, dir, own, "rules-oob.txt")
		for line := range strings.Lines(ReadText(t, file)) {
			var v Vector
			Unmarshal(t, line, &v)
			s.Vectors = append(s.Vectors, v)
		}
		var expected struct{ Requests []Expectation }
		Unmarshal(t, ReadText(t, filepath.Join(own, "expected.json")), &expected)
		if s.Wants = expected.Requests; len(s.Wants) != len(s.Vectors) {
			t.Fatalf("%s: %d requests, %d verdicts", own, len(s.Vectors), len(s.Wants))
		}
		all = append(all, s)
	}
	return all
}

// ReadText returns what is in a file.
func ReadText(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Unmarshal reads JSON.
func Unmarshal(t testing.TB, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// ruleNames reads a list of rule files: @F are the lines of another list, rules/F is in the
// suite's own folder, and all else is below _hub.
func ruleNames(t testing.TB, dir, own, list string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(own, list))
	if err != nil {
		return nil
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		more, isList := strings.CutPrefix(line, "@")
		switch {
		case line == "":
		case isList:
			for name := range strings.Lines(ReadText(t, filepath.Join(dir, more))) {
				names = append(names, filepath.Join(dir, "_hub", strings.TrimSpace(name)))
			}
		case strings.HasPrefix(line, "rules/"):
			names = append(names, filepath.Join(own, line))
		default:
			names = append(names, filepath.Join(dir, "_hub", line))
		}
	}
	return names
}

// Wire returns a vector as it goes over the wire.
func (v *Vector) Wire() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %s\r\n", bytesOf(v.Method), bytesOf(v.Target), v.Proto)
	for _, h := range v.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", bytesOf(h[0]), bytesOf(h[1]))
	}
	switch {
	case v.Chunked:
		fmt.Fprintf(&b, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(v.Body), v.Body)
	case len(v.Body) > 0:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(v.Body), v.Body)
	default:
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// Send writes the vector to a server as it is, and returns the status and the header of
// the response.
func (v *Vector) Send(t testing.TB, addr string) (int, http.Header) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // what was read is all
	if _, err := conn.Write(v.Wire()); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: v.Method})
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // nobody reads it
	return response.StatusCode, response.Header
}

// IsStricter reports whether more is looked at here than in CrowdSec's engine: what is
// behind a # in the target, which sites see.
func (v *Vector) IsStricter() bool { return strings.Contains(v.Target, "#") }

// bytesOf makes a byte of each code point.
func bytesOf(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteByte(byte(r))
	}
	return b.String()
}

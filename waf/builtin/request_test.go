package builtin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/waf"
)

// A row is a line of a corpus: where a text stands, its name there, and the text, in
// quotes if it has several lines.
type row struct {
	file              string
	line              int
	where, name, text string
}

func (r *row) String() string {
	return fmt.Sprintf("%s:%d %s %s %.90q", r.file, r.line, r.where, r.name, r.text)
}

// corpus reads all rows of the files that a glob below testdata finds. A line that begins
// with two slashes says what follows.
func corpus(t testing.TB, glob string) []row {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", glob))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus %s: %v", glob, err)
	}
	var all []row
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(string(content)) {
			n++
			line = strings.TrimSuffix(line, "\n")
			if line == "" || strings.HasPrefix(line, "//") {
				continue
			}
			where, rest, _ := strings.Cut(line, " ")
			name, text, ok := strings.Cut(rest, " ")
			if !ok {
				t.Fatalf("%s:%d: want a place, a name and a text", file, n)
			}
			if strings.HasPrefix(text, `"`) && strings.HasSuffix(text, `"`) {
				if unquoted, err := strconv.Unquote(text); err == nil {
					text = unquoted
				}
			}
			all = append(all, row{filepath.Base(file), n, where, name, text})
		}
	}
	return all
}

// A sent is a request of a test.
type sent struct {
	method, target string
	header         http.Header
	body           string
}

func browser() http.Header {
	return http.Header{
		"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}, "Accept": {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
		"Accept-Language": {"en-US,en;q=0.5"}, "Accept-Encoding": {"gzip, deflate, br, zstd"}, "Connection": {"keep-alive"}, "Referer": {"https://www.example.org/blog/"},
		"Cookie": {"session=0123456789abcdef0123456789abcdef; theme=dark"}, "Upgrade-Insecure-Requests": {"1"}, "Sec-Fetch-Dest": {"document"},
		"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Site": {"same-origin"}, "Priority": {"u=0, i"},
	}
}

// request makes a request of a row.
func (r *row) request(t testing.TB) sent {
	t.Helper()
	s := sent{"GET", "/page", browser(), ""}
	post := func(contentType, body string) {
		s.method, s.body = "POST", body
		s.header.Set("Content-Type", contentType)
	}
	switch r.where {
	case "arg":
		s.target += "?" + url.QueryEscape(r.name) + "=" + url.QueryEscape(r.text)
	case "query": // as it is
		s.target += "?" + r.text
	case "path": // as it is
		s.target = r.text
	case "form":
		post("application/x-www-form-urlencoded", url.Values{r.name: {r.text}}.Encode())
	case "json":
		text, _ := json.Marshal(map[string]string{r.name: r.text})
		post("application/json", string(text))
	case "jsonbody":
		post("application/json", r.text)
	case "field":
		post(multipartOf(r.name, "", r.text))
	case "file":
		post(multipartOf("upload", r.name, r.text))
	case "header":
		s.header[http.CanonicalHeaderKey(r.name)] = []string{r.text}
	case "cookie":
		s.header["Cookie"] = []string{r.name + "=" + r.text}
	case "put": // from a stranger
		s.method, s.target, s.body = "PUT", r.name, r.text
		delete(s.header, "Cookie")
	case "raw":
		post(r.name, r.text)
	default:
		t.Fatalf("%v: no such place", r)
	}
	return s
}

func multipartOf(name, file, text string) (contentType, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if file == "" {
		_ = w.WriteField(name, text)
	} else {
		part, _ := w.CreateFormFile(name, file)
		_, _ = part.Write([]byte(text))
	}
	_ = w.Close()
	return w.FormDataContentType(), b.String()
}

func load(t testing.TB, cfg waf.LoadConfig) *waf.Rules {
	t.Helper()
	rules, err := waf.Load(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if skipped := rules.Skipped(); len(skipped) > 0 {
		t.Fatalf("skipped: %v", skipped)
	}
	return rules
}

func own(t testing.TB) *waf.Rules { return load(t, waf.LoadConfig{Sets: []waf.Set{Set()}}) }

// matches returns what rules find in a request.
func (s *sent) matches(rules *waf.Rules) []waf.Match {
	in := rules.Head(&waf.Request{Method: s.method, Target: s.target, Proto: "HTTP/1.1", Host: "www.example.org", Header: s.header, HasBody: s.body != ""})
	if in.NeedsBody() {
		in.Body([]byte(s.body))
	}
	defer in.Close()
	return in.Matches()
}

// strongest returns the most certain of matches, or "" if there are none.
func strongest(matches []waf.Match) (waf.Confidence, string) {
	best, name := waf.Observe+1, ""
	for _, m := range matches {
		if m.Rule.Confidence < best {
			best, name = m.Rule.Confidence, m.Rule.Name
		}
	}
	return best, name
}

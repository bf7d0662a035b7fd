package lapitest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A client asks a Local API as a bouncer and as a machine.
type client struct {
	t    *testing.T
	http *http.Client
	url  string
	key  string
	jwt  string
}

func newClient(t *testing.T, s *Server) *client {
	t.Helper()
	return &client{t: t, http: &http.Client{Transport: s.Transport()}, url: s.URL, key: s.Key}
}

type answer struct {
	status   int
	header   http.Header
	body     string
	encoding []string
	err      error // of reading the body
}

func (c *client) do(method, path, body string) answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("User-Agent", "lapitest/1")
	if c.jwt != "" {
		req.Header.Set("Authorization", "Bearer "+c.jwt)
	}
	if c.key != "" {
		req.Header.Set("X-Api-Key", c.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b), resp.TransferEncoding, err}
}

func (c *client) get(path string) answer {
	c.t.Helper()
	return c.do(http.MethodGet, path, "")
}

func (c *client) login() {
	c.t.Helper()
	a := c.do(http.MethodPost, "/v1/watchers/login", `{"machine_id":"`+DefaultMachine+`","password":"`+DefaultPassword+`","scenarios":[]}`)
	var in struct{ Token string }
	if err := json.Unmarshal([]byte(a.body), &in); err != nil || in.Token == "" {
		c.t.Fatalf("login: %d %s", a.status, a.body)
	}
	c.jwt = in.Token
}

// decision is one as it came.
type decision struct {
	Duration string
	ID       int64
	Origin   string
	Scenario string
	Scope    string
	Type     string
	UUID     string
	Value    string
}

func (d decision) left(t *testing.T) time.Duration {
	t.Helper()
	left, err := time.ParseDuration(d.Duration)
	if err != nil {
		t.Fatal(err)
	}
	return left
}

type stream struct{ New, Deleted []decision }

// pull reads the stream; query is what follows the question mark.
func (c *client) pull(query string) stream {
	c.t.Helper()
	a := c.get("/v1/decisions/stream?" + query)
	if a.status != http.StatusOK || a.err != nil {
		c.t.Fatalf("stream: status %d, %v: %s", a.status, a.err, a.body)
	}
	return parse[stream](c.t, a.body)
}

func (c *client) ask(query string) []decision {
	c.t.Helper()
	a := c.get("/v1/decisions?" + query)
	if a.status != http.StatusOK {
		c.t.Fatalf("query: status %d: %s", a.status, a.body)
	}
	return parse[[]decision](c.t, a.body)
}

func parse[T any](t *testing.T, body string) (v T) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader([]byte(body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %.200s", err, body)
	}
	return v
}

// names says what ds are about, in any order: "ban 192.0.2.1, captcha 192.0.2.1".
func names(ds []decision) string {
	var out []string
	for _, d := range ds {
		out = append(out, d.Type+" "+d.Value)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func expect(t *testing.T, s stream, wantNew, wantDeleted string) {
	t.Helper()
	if got := names(s.New); got != wantNew {
		t.Errorf("new is %q, want %q", got, wantNew)
	}
	if got := names(s.Deleted); got != wantDeleted {
		t.Errorf("deleted is %q, want %q", got, wantDeleted)
	}
}

// both runs a test against a fake of each generation.
func both(t *testing.T, test func(t *testing.T, s *Server, c *client)) {
	t.Helper()
	for name, gen := range map[string]Generation{"old": Old, "new": New, "newest": Newest} {
		t.Run(name, func(t *testing.T) {
			s := Start(t, Config{Generation: gen})
			test(t, s, newClient(t, s))
		})
	}
}

// pass lets time go by in a bubble, where it takes none.
func pass(d time.Duration) { <-time.After(d) }

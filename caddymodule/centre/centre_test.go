package centre

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/protocol"
)

// A site runs Caddyfiles with a centre, one after the other, on one loopback port.
type site struct {
	t    *testing.T
	dir  string
	addr string
}

func newSite(t *testing.T) *site {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &site{t: t, dir: t.TempDir(), addr: l.Addr().String()}
}

// load runs a config with these options of tocsin_community.
func (s *site) load(options string) error {
	text := fmt.Sprintf("{\n\tadmin off\n\tauto_https off\n\tpersist_config off\n\tlog {\n\t\toutput discard\n\t}\n}\nhttp://%s {\n\ttocsin_community {\n\t\tdatabase %[2]s/c.db\n\t\tsecret %[2]s/secret\n%s\n\t}\n}\n", s.addr, s.dir, options)
	raw, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		return err
	}
	return caddy.Load(raw, true)
}

func (s *site) mustLoad(options string) {
	s.t.Helper()
	if err := s.load(options); err != nil {
		s.t.Fatal(err)
	}
}

// centre returns the centre that runs.
func (s *site) centre() *community.Centre {
	s.t.Helper()
	ctx := caddy.ActiveContext()
	app, err := ctx.AppIfConfigured(appID)
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := app.(*App).Centre("")
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// call sends a request, as a member with a key, and reads the answer into a struct.
func (s *site) call(from, method, path, key string, in, out any) int {
	s.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequest(method, "http://"+s.addr+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	client := http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}, Timeout: time.Minute}
	answer, err := client.Do(r)
	// A config that just ended may have accepted the connection, and closes or resets it.
	for tries := 0; (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)) && tries < 5; tries++ {
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer, err = client.Do(r)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && out != nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		s.t.Fatalf("%s: %v", text, err)
	}
	return answer.StatusCode
}

// member makes a vouched member, and returns its key.
func (s *site) member(n int) string {
	s.t.Helper()
	name := fmt.Sprintf("site %d", n)
	code, err := s.centre().Invite(s.t.Context(), "root", community.Invitee{Name: name, Operator: name, Role: community.Reporter, Vouched: true})
	if err != nil {
		s.t.Fatal(err)
	}
	var joined protocol.JoinAnswer
	s.call(fmt.Sprintf("127.%d.0.1", n), http.MethodPost, "/api/v1/join", "", protocol.JoinRequest{Invitation: code, Name: name, Terms: "1"}, &joined)
	if joined.Key == "" {
		s.t.Fatal("no key")
	}
	return joined.Key
}

// report lets a member report an exploit by an address.
func (s *site) report(n int, key, address string) {
	s.t.Helper()
	now := time.Now().UTC().Truncate(time.Minute)
	var answer protocol.SignalsAnswer
	s.call(fmt.Sprintf("127.%d.0.1", n), http.MethodPost, "/api/v1/signals", key, protocol.SignalsRequest{Signals: []protocol.Signal{
		{Address: address, Scenario: "crowdsecurity/http-cve-2021-41773", First: now, Last: now, Count: 4},
	}}, &answer)
	if answer.Accepted != 1 {
		s.t.Fatalf("%+v", answer)
	}
}

// listed returns the listed prefixes as a member gets them.
func (s *site) listed(key string) (all []string) {
	s.t.Helper()
	var list protocol.List
	s.call("127.9.0.1", http.MethodGet, "/api/v1/list", key, nil, &list)
	for _, e := range list.Items {
		all = append(all, e.Prefix+" "+e.Action)
	}
	return all
}

func TestWhatThreeMembersReportIsListed(t *testing.T) {
	s := newSite(t)
	s.mustLoad("name Example hosts")
	var keys []string
	for n := 1; n <= 3; n++ {
		keys = append(keys, s.member(n))
		s.report(n, keys[n-1], "203.0.113.9")
	}
	if got := s.listed(keys[0]); len(got) != 1 || got[0] != "203.0.113.9/32 captcha" { // a young small group challenges
		t.Errorf("listed: %q", got)
	}
	if status := s.call("127.9.0.1", http.MethodGet, "/api/v1/list", "", nil, nil); status != http.StatusUnauthorized {
		t.Errorf("without a key: %d, want 401", status)
	}
	if got, want := s.centre().About().Site, "http://"+s.addr; got != want {
		t.Errorf("site %q, want %q", got, want)
	}
}

func TestAReloadKeepsTheCentre(t *testing.T) {
	s := newSite(t)
	s.mustLoad("")
	key := s.member(1)
	before := s.centre()
	s.mustLoad("moderator /moderator") // no setting of the centre
	if s.centre() != before {
		t.Error("the centre began anew")
	}
	s.mustLoad("policy public\noperator Example abuse@example.org")
	if s.centre() == before {
		t.Error("the centre has not got the new settings")
	}
	s.report(1, key, "203.0.113.9") // the member is still one
	if got := s.listed(""); got != nil {
		t.Errorf("listed: %q", got)
	}
}

// A reload must not cost a member a request: it would try again much later.
func TestAReloadAnswersAllTheTime(t *testing.T) {
	s := newSite(t)
	s.mustLoad("")
	done, ended, answered := make(chan struct{}), make(chan int, 1), make(chan struct{}, 1)
	go func() {
		n := 0
		defer func() { ended <- n }()
		for ; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			from := fmt.Sprintf("127.%d.%d.1", 1+n/250%250, n%250) // one client sends too many
			if status := s.call(from, http.MethodGet, "/healthz", "", nil, nil); status != http.StatusOK {
				t.Errorf("request %d: status %d", n, status)
			}
			select {
			case answered <- struct{}{}:
			default:
			}
		}
	}()
	for i := range 16 { // with one core, reloads are faster than requests
		s.mustLoad(fmt.Sprintf("moderator /moderator%d", i))
		select {
		case <-answered:
		case n := <-ended:
			t.Fatalf("no answer after %d requests", n)
		}
	}
	close(done)
	if n := <-ended; n < 8 {
		t.Errorf("only %d requests", n)
	}
}

func TestAShorterRetentionIsAShorterMemory(t *testing.T) {
	s := newSite(t)
	s.mustLoad("retention {\nepisodes 30d\n}")
	rules := s.centre().About().Rules
	if episodes, faults := rules.Durations.EpisodeMemory, rules.Trust.FaultMemory; episodes != 30*24*time.Hour || faults != 30*24*time.Hour {
		t.Errorf("the consensus remembers episodes for %s and faults for %s, want 720h each", episodes, faults)
	}
}

func TestTheSecretIsMadeOnceAndForTheOwnerOnly(t *testing.T) {
	s := newSite(t)
	s.mustLoad("")
	path := filepath.Join(s.dir, "secret")
	first, err := os.ReadFile(path)
	if err != nil || len(first) != 32 {
		t.Fatalf("%d bytes, %v", len(first), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	s.mustLoad("name Another")
	if second, _ := os.ReadFile(path); !bytes.Equal(first, second) {
		t.Error("the secret has changed")
	}
}

func TestBadOptions(t *testing.T) {
	s := newSite(t)
	for _, row := range []struct{ name, options, want string }{
		{"public without an operator", "policy public", "policy public: want an operator with a contact"},
		{"an unknown policy", "policy open", "policy: \"open\": want one of members, public"},
		{"half an operator", "operator Example", "operator: want a name and a mail address or URL"},
		{"an unknown class", "exclude botnet /tmp/x", "exclude: \"botnet\": want one of crawler, cdn"},
		{"a class without a list", "exclude cdn", "exclude: cdn: want at least one list"},
		{"a list that is missing", "exclude cdn {DIR}/none.txt", "none.txt"},
		{"a database elsewhere", "accounts mysql://root@host/x", "accounts: want the path of a file, or a URL with postgres://"},
		{"a relative path", "accounts a.db", "accounts \"a.db\": want an absolute path"},
		{"long retention", "retention {\nreports 30d\n}", "retention: reports: 720h0m0s: want 24h to 336h"},
		{"long retention without a reason", "retention {\nepisodes 200d\n}", "want 2160h0m0s at most, or a reason"},
		{"an invalid path", "moderator moderator", "moderator \"moderator\": want a path such as /moderator"},
		{"one member alone", "witnesses 1", "witnesses: 1: want 2 to 20"},
		{"an unknown country", "countries Germany", "countries \"Germany\": want codes of two letters, such as DE"},
		{"countries without a database", "countries DE AT", "countries: want networks with a database of countries"},
		{"a missing catalogue", "catalogue {DIR}/index.json", "catalogue: open"},
		{"an unknown option", "database2 x", "unknown option \"database2\""},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := s.load(strings.ReplaceAll(row.options, "{DIR}", s.dir))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q", err, row.want)
			}
		})
	}
}

func TestAShortSecretIsRefused(t *testing.T) {
	s := newSite(t)
	if err := os.WriteFile(filepath.Join(s.dir, "secret"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.load(""); err == nil || !strings.Contains(err.Error(), "has 5 bytes, want 32 or more: restore it from a backup") {
		t.Errorf("error %v", err)
	}
}

// withList returns classes that follow the list of one class.
func withList(t *testing.T, class, text string, l *community.List) (*classes, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Settings{Exclude: map[string][]string{class: {path}}}
	c, err := newClasses(&s, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.list = func() *community.List { return l }
	ctx, cancel := context.WithCancel(t.Context())
	if err := c.start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); c.stop() })
	return c, path
}

//go:build linux

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startProgram starts the program with the Caddyfile in dir, as a process that
// inherits sockets, from fd/3 on. It ends with t, and fails it if it does not end
// well, unless kill has ended it before.
func startProgram(t testing.TB, dir string, sockets ...*net.TCPListener) (kill func()) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "run", "--config", filepath.Join(dir, "Caddyfile"), "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), asServer+"=1", "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir,
		"GORACE=atexit_sleep_ms=0") // the race detector's default is a second
	for _, socket := range sockets {
		inherited, err := socket.File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { inherited.Close() })
		cmd.ExtraFiles = append(cmd.ExtraFiles, inherited)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // should this process be killed
	said := new(bytes.Buffer)                                          // read after the end
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	t.Cleanup(func() {
		if killed {
			return
		}
		_ = cmd.Process.Signal(syscall.SIGTERM) // an error says that it is dead
		late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("the server: %v\n%s", err, said)
		}
	})
	return func() {
		killed = true
		_ = cmd.Process.Kill() // an error says that it is dead
		_ = cmd.Wait()         // killed, as it was meant to be
		if t.Failed() {
			t.Logf("the server that was killed:\n%s", said)
		}
	}
}

// A post is a server that looks out for abuse: the program in a process of its
// own, with one site, which is behind a proxy that says who the client is.
type post struct {
	t     testing.TB
	url   string // of the site
	dir   string
	admin *http.Client

	socket *net.TCPListener // of the site
	kill   func()           // ends the program as kill -9 does
}

// globalOptions are those of all programs in tests, except of tocsin.
const globalOptions = `	admin unix/{DIR}/admin
	persist_config off
	auto_https off
	log {
		level WARN
	}
	storage file_system {DIR}/storage
	servers {
		trusted_proxies static 127.0.0.0/8
		trusted_proxies_strict
	}
`

// newPost starts the program with options of the app and directives of the site,
// and waits until it answers.
func newPost(t testing.TB, options, site string) *post {
	t.Helper()
	return newPostAt(t, "http://", options, site)
}

// newPostAt is newPost for a site with addresses of its own.
func newPostAt(t testing.TB, addresses, options, site string) *post {
	t.Helper()
	p := &post{t: t, dir: t.TempDir()}
	text := `{
` + globalOptions + `	tocsin {
		snapshot {DIR}/snapshot
		blocklist {DIR}/outlaws.txt
		` + options + `
	}
}
` + addresses + ` {
	bind fd/3
	tocsin
	` + site + "\n}\n"
	p.run(text, map[string]string{"outlaws.txt": outlaw})
	p.wait("an answer", func() error {
		return p.ask(http.MethodGet, "/tocsin/status", nil)
	})
	return p
}

// write writes a Caddyfile and other files. {DIR} is the folder of the files.
func (p *post) write(text string, files map[string]string) {
	p.t.Helper()
	all := maps.Clone(files)
	all["Caddyfile"] = strings.ReplaceAll(text, "{DIR}", p.dir)
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
}

// run writes files as write does, and starts the program with them.
func (p *post) run(text string, files map[string]string) {
	p.t.Helper()
	p.write(text, files)
	p.socket = listen(p.t)
	p.url = "http://" + p.socket.Addr().String()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(p.dir, "admin"))
	}}
	p.admin = &http.Client{Transport: transport, Timeout: patience}
	p.t.Cleanup(transport.CloseIdleConnections)
	p.start()
}

// start starts the program, again after it was killed. The site keeps its port.
func (p *post) start() { p.kill = startProgram(p.t, p.dir, p.socket) }

// ask asks the admin endpoint, and reads the answer into what to points to, if
// that is not nil.
func (p *post) ask(method, path string, to any) error {
	req, err := http.NewRequestWithContext(context.Background(), method, "http://localhost"+path, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := p.admin.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode >= 400:
		return fmt.Errorf("%s: %s", resp.Status, body)
	case to == nil:
		return nil
	}
	return json.Unmarshal(body, to)
}

// An alarm is an alert as the admin endpoint tells of it.
type alarm struct {
	Scenario, Target string
	Events           int
	Decision         *struct{ Action, Source string }
	Guard            string // what is guarded; nobody is blamed
	Reflected        bool   // other pages had the browser do it
}

func (a alarm) String() string {
	action := "nothing"
	if a.Decision != nil {
		action = a.Decision.Action
	}
	return fmt.Sprintf("%s about %s after %d: %s, guard %q, reflected %v", a.Scenario, a.Target, a.Events, action, a.Guard, a.Reflected)
}

// alarms returns the alerts about a client, the newest first.
func (p *post) alarms(client string) []alarm {
	p.t.Helper()
	return slices.DeleteFunc(p.every(), func(a alarm) bool { return a.Target != client })
}

// every returns all alerts that are remembered, the newest first.
func (p *post) every() []alarm {
	p.t.Helper()
	var all struct{ Alerts []alarm }
	if err := p.ask(http.MethodGet, "/tocsin/alerts?limit=1000", &all); err != nil {
		p.t.Fatal(err)
	}
	return all.Alerts
}

// A detection is what the admin endpoint tells of what was looked for.
type detection struct {
	Events, Dropped int
	Reporters       []struct {
		Name                           string
		Queued, Sent, Refused, Dropped int
	}
}

func (p *post) detection() detection {
	p.t.Helper()
	var s struct{ Detect detection }
	if err := p.ask(http.MethodGet, "/tocsin/status", &s); err != nil {
		p.t.Fatal(err)
	}
	return s.Detect
}

// wait waits until f returns no error.
func (p *post) wait(what string, f func() error) {
	p.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("waiting for %s: %v", what, err)
		}
	}
}

// A caller is a client that is no browser, at an address of its own.
type caller struct {
	*post
	address string
}

// with returns the same server for a part of the test.
func (p *post) with(t testing.TB) *post {
	part := *p
	part.t = t
	return &part
}

// from returns the client with an address.
func (p *post) from(address string) *caller { return &caller{p, address} }

// A call is a request as it is to be sent.
type call struct {
	method      string // default: GET, or POST if there is a body
	target      string // as it goes over the wire
	contentType string
	body        string
	agent       string
	cookie      string
	auth        string // Authorization
	site        string // Sec-Fetch-Site
	host        string // default: the address of the server
	more        string // lines of the header, each with its end
}

// and returns the call with the cookie of other.
func (q call) and(other call) call {
	q.cookie = other.cookie
	return q
}

// A reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
}

// send sends a call as it stands, and returns the answer.
func (c *caller) send(q call) reply {
	c.t.Helper()
	r, err := c.try(q)
	if err != nil {
		c.t.Fatalf("%+v: %v", q, err)
	}
	return r
}

func (c *caller) try(q call) (reply, error) {
	method := cmp.Or(q.method, http.MethodGet)
	if q.method == "" && q.body != "" {
		method = http.MethodPost
	}
	host := strings.TrimPrefix(c.url, "http://")
	conn, err := net.DialTimeout("tcp", host, patience)
	if err != nil {
		return reply{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return reply{}, err
	}
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n", method, q.target, cmp.Or(q.host, host), len(q.body))
	for _, field := range [][2]string{
		{"X-Forwarded-For", c.address}, {"Content-Type", q.contentType}, {"User-Agent", q.agent}, {"Cookie", q.cookie}, {"Authorization", q.auth}, {"Sec-Fetch-Site", q.site},
	} {
		if field[1] != "" {
			head += field[0] + ": " + field[1] + "\r\n"
		}
	}
	if _, err := io.WriteString(conn, head+q.more+"\r\n"+q.body); err != nil {
		return reply{}, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body)}, err
}

// refused waits until the client is refused: what is judged by the response is
// judged after the client has that.
func (c *caller) refused() {
	c.t.Helper()
	defer c.explain()
	c.wait(c.address+" to be refused", func() error {
		if r := c.send(call{target: "/"}); r.status != http.StatusForbidden {
			return errors.New(http.StatusText(r.status))
		}
		return nil
	})
}

// explain logs, if the test has failed, what the server knows of the client.
func (c *caller) explain() {
	c.t.Helper()
	if !c.t.Failed() {
		return
	}
	var all any
	err := c.ask(http.MethodGet, "/tocsin/status", &all)
	text, _ := json.Marshal(all)
	c.t.Logf("alerts about %s: %v\nthe server's status: %s, %v", c.address, c.alarms(c.address), text, err)
}

// alarmed waits until the server tells of an alert of a scenario about the client
// that has led to an action, after that many requests.
func (c *caller) alarmed(scenario string, events int, action string) {
	c.t.Helper()
	c.wait("the alert of "+scenario, func() error {
		all := c.alarms(c.address)
		if !slices.ContainsFunc(all, func(a alarm) bool {
			return a.Scenario == scenario && a.Events == events && a.Decision != nil && a.Decision.Action == action && !a.Reflected
		}) {
			return fmt.Errorf("alerts: %+v", all)
		}
		return nil
	})
}

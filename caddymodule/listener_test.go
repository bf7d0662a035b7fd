package caddymodule

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// wrapped returns global options with listener wrappers.
func wrapped(wrappers, server, tocsin string) string {
	return strings.Replace(globals(tocsin), "trusted_proxies static 127.0.0.0/8\n\t\ttrusted_proxies_strict",
		"listener_wrappers {\n"+wrappers+"\n}\n"+server, 1)
}

// connect sends a request over a connection of its own from a loopback address, behind
// what a load balancer writes first, and returns the status.
func (h *host) connect(from, balancer string) (status int, err error) {
	h.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 20 * time.Second}
	c, err := dialer.Dial("tcp", h.addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := fmt.Fprintf(c, "%sGET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", balancer, h.addr); err != nil {
		return 0, err
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	return r.StatusCode, nil
}

func isClosed(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func TestTheListenerWrapperClosesConnectionsOfBannedClients(t *testing.T) {
	const behind = "PROXY TCP4 %s 127.0.0.1 40000 80\r\n"
	for _, row := range []struct {
		name     string
		wrappers string
		server   string // options of the server
		app      string
		site     string
		from     string // the address of the connection
		client   string // that the PROXY protocol names; empty: none
		closed   bool
		status   int
	}{
		{name: "nobody decided anything", wrappers: "tocsin", from: "127.0.0.9", status: 200},
		{name: "a ban", wrappers: "tocsin", from: "127.0.0.2", closed: true},
		{name: "the words before tls", wrappers: "tocsin\ntls", from: "127.0.0.2", closed: true},
		{name: "a captcha", wrappers: "tocsin", from: "127.0.0.3", status: 403},
		{name: "an app that allows", wrappers: "tocsin", app: "allow 127.0.0.2", from: "127.0.0.2", status: 200},
		{name: "a site that allows", wrappers: "tocsin", site: "allow 127.0.0.2", from: "127.0.0.2", status: 200},
		{name: "a dry run", wrappers: "tocsin {\ndry_run\n}", from: "127.0.0.2", status: 403},
		{name: "a dry run of the site", wrappers: "tocsin", site: "dry_run", from: "127.0.0.2", status: 200},
		{name: "a banned proxy that is trusted", wrappers: "tocsin", server: "trusted_proxies static 127.0.0.0/8", from: "127.0.0.2", status: 403},
		{name: "a banned stranger beside it", wrappers: "tocsin", server: "trusted_proxies static 192.0.2.0/24", from: "127.0.0.2", closed: true},
		{name: "a client behind a load balancer", wrappers: "proxy_protocol {\nallow 127.0.0.0/8\n}\ntocsin", from: "127.0.0.9", client: "192.0.2.1", closed: true},
		{name: "its neighbour", wrappers: "proxy_protocol {\nallow 127.0.0.0/8\n}\ntocsin", from: "127.0.0.9", client: "192.0.2.2", status: 200},
		{name: "a banned load balancer", wrappers: "proxy_protocol {\nallow 127.0.0.0/8\n}\ntocsin", from: "127.0.0.2", client: "192.0.2.2", status: 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			list := h.list("bans", "127.0.0.2", "192.0.2.1")
			captchas := h.list("captchas", "127.0.0.3")
			h.load(wrapped(row.wrappers, row.server, "blocklist "+list+" {\nprivate on\n}\nblocklist "+captchas+" {\nprivate on\naction captcha\n}\n"+row.app) +
				"\nhttp://{ADDR} {\ntocsin {\n" + row.site + "\n}\nrespond ok\n}\n")
			h.waitSynced()
			balancer := ""
			if row.client != "" {
				balancer = fmt.Sprintf(behind, row.client)
			}
			status, err := h.connect(row.from, balancer)
			if status != row.status || (err != nil) != row.closed || err != nil && !isClosed(err) {
				t.Errorf("status %d, %v", status, err)
			}
		})
	}
}

func TestConnectionsThatAreClosedAreInTheStatus(t *testing.T) {
	h := newHost(t)
	h.load(wrapped("tocsin", "", "blocklist "+h.list("bans", "127.0.0.2")+" {\nprivate on\n}") + "\nhttp://{ADDR} {\ntocsin\nrespond ok\n}\n")
	h.waitSynced()
	for range 3 {
		if _, err := h.connect("127.0.0.2", ""); !isClosed(err) {
			t.Fatalf("%v", err)
		}
	}
	app, err := runningApp()
	if err != nil {
		t.Fatal(err)
	}
	all := app.engine.counters.answers()
	if len(all) != 1 || all[0].Connections != 3 || all[0].Stopped["ban"] != 3 || all[0].Processed != 3 {
		t.Errorf("%+v", all)
	}
}

// A reload must not leave connections of the old config behind.
func TestATarpitEndsWithItsConfig(t *testing.T) {
	h := newHost(t)
	config := func(wrapper string) string {
		return wrapped(wrapper, "", "blocklist "+h.list("bans", "127.0.0.2")+" {\nprivate on\n}") + "\nhttp://{ADDR} {\ntocsin\nrespond ok\n}\n"
	}
	h.load(config("tocsin {\ntarpit 10m\n}"))
	h.waitSynced()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}}
	c, err := dialer.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	wait(t, func() error {
		app, err := runningApp()
		if err != nil {
			return err
		}
		if all := app.engine.counters.answers(); len(all) != 1 || all[0].Connections != 1 {
			return fmt.Errorf("%+v", all)
		}
		return nil
	})
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); isClosed(err) {
		t.Fatalf("it is closed at once: %v", err)
	}
	h.load(config("tocsin"))
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Read(make([]byte, 1)); !isClosed(err) {
		t.Errorf("after the reload: %v", err)
	}
}

func TestMistakesInTheListenerWrapper(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"an argument", "tocsin 30s", "listener_wrappers: tocsin: takes no argument"},
		{"an unknown option", "tocsin {\ntarpits 30s\n}", `listener_wrappers: tocsin: unknown option "tarpits": want one of dry_run, tarpit`},
		{"no duration", "tocsin {\ntarpit\n}", "listener_wrappers: tocsin: tarpit: "},
		{"too long", "tocsin {\ntarpit 1h\n}", "tarpit: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			text := wrapped(row.text, "", "blocklist "+h.list("bans", "127.0.0.2")+" {\nprivate on\n}") + "\nhttp://" + h.addr + " {\ntocsin\nrespond ok\n}\n"
			cfg, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(strings.ReplaceAll(text, "{DIR}", h.dir)), nil)
			if err == nil {
				err = h.loadJSON(cfg)
			}
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

//go:build linux

package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

// A community and tocsin are in one site: the centre is a member of itself. Whoever the list
// bans there can still appeal, and members can report.
func TestACentreBehindItsOwnTocsin(t *testing.T) {
	t.Parallel()
	const attacker = "198.51.100.66"
	files := map[string]string{"outlaws.txt": outlaw}
	// Its own member comes by a door, as those from outside.
	c := &centre{post: &post{t: t, dir: t.TempDir()}}
	var target *url.URL
	door := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Set("X-Forwarded-For", "9.200.1.1")
	}})
	t.Cleanup(door.Close)
	caddyfile := func(app string) string {
		return `{
	admin unix/{DIR}/admin
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
	tocsin {
		snapshot off
		blocklist {DIR}/outlaws.txt
		` + app + `
	}
}
http:// {
	bind fd/3
	tocsin /moderator*
	basic_auth /moderator* {
		alice $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG
	}
	tocsin_community {
		name      Example hosts
		database  {DIR}/community.db
		secret    {DIR}/community.secret
		moderator /moderator
	}
}
`
	}
	c.run(caddyfile(""), files)
	c.waitForStart()
	target, _ = url.Parse(c.url) // it has no mistake
	a, b, own := c.join("member", true), c.join("member", true), c.join("member", true)
	c.kill()
	c.write(caddyfile("community "+door.URL+" "+own.key+" {\ninterval 1s\n}\nreport community"), files)
	c.start()
	c.waitForStart()

	c.reports(a, attacker)
	c.reports(b, attacker)
	c.from(attacker).guards("/moderator/")
	c.from(outlaw).guards("/moderator/")
	for _, banned := range []string{attacker, outlaw} {
		if page := c.page(http.Get(c.door(netip.MustParseAddr(banned)) + "/")); !strings.Contains(page, banned) {
			t.Errorf("%s does not get the page about its address:\n%s", banned, page)
		}
	}
	// A member whose own address is banned can still report.
	banned := a
	banned.url = c.door(netip.MustParseAddr(outlaw))
	c.reports(banned, "198.51.100.67")
	c.appeals(attacker)
	c.from(attacker).opens("/moderator/")
}

// guards waits until tocsin stops a client at a path.
func (c *caller) guards(path string) { c.t.Helper(); c.isStopped(path, true) }

// opens waits until tocsin lets a client pass at a path.
func (c *caller) opens(path string) { c.t.Helper(); c.isStopped(path, false) }

func (c *caller) isStopped(path string, want bool) {
	c.t.Helper()
	c.wait(c.address+" at "+path, func() error {
		// Whoever passes has to log in.
		if r := c.send(call{target: path}); (r.status != http.StatusUnauthorized) != want {
			return errors.New(http.StatusText(r.status))
		}
		return nil
	})
}

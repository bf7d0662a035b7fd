//go:build linux

package main

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// A community and tocsin are in one site: the centre is a member of itself. Whoever the list
// bans there can still appeal, and members can report.
func TestACentreBehindItsOwnTocsin(t *testing.T) {
	t.Parallel()
	const attacker = "198.51.100.66"
	files := map[string]string{"outlaws.txt": outlaw}
	c := &centre{post: &post{t: t, dir: t.TempDir()}}
	caddyfile := func(app string) string {
		return `{
` + globalOptions + `	tocsin {
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
	door := c.door(netip.MustParseAddr("9.200.1.1")) // its own member comes by one, as those from outside
	a, b, own := c.join("member", true), c.join("member", true), c.join("member", true)
	c.kill()
	c.write(caddyfile("community "+door+" "+own.key+" {\ninterval 1s\n}\nreport community"), files)
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

// Command community shows a whole community on one machine: a centre, three sites that are
// its members, and an attacker who goes from one to the next.
//
//	go run ./examples/community
//
// It needs no configuration, uses ports of this machine only, and keeps its data in a
// temporary folder that it removes.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/member"
	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/middleware"
)

// attacker is where the attacks come from. Nobody has this address: it is for documentation.
var attacker = netip.MustParseAddr("203.0.113.66")

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, log.New(os.Stdout, "", 0)); err != nil {
		log.Print(err)
	}
}

// run tells the story.
func run(ctx context.Context, out *log.Logger) error {
	folder, err := os.MkdirTemp("", "tocsin-community-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	c, err := newCentre(ctx, folder)
	if err != nil {
		return err
	}
	defer c.close()
	out.Print("The centre runs. Three sites become members by an invitation.")
	var sites []*site
	for _, name := range []string{"shop", "forum", "wiki"} {
		s, err := c.join(ctx, name, len(sites))
		if err != nil {
			return err
		}
		defer s.close()
		sites = append(sites, s)
	}
	for _, s := range sites[:2] {
		out.Printf("%s attacks the %s: %s", attacker, s.name, s.attack())
	}
	if err := sites[2].learn(ctx); err != nil {
		return err
	}
	out.Printf("The wiki has never seen %s. Its first request there gets %s", attacker, sites[2].get("/"))
	return c.tell(ctx, out, sites[2])
}

// tell prints what the centre says about the attacker, and lets him appeal.
func (c *centre) tell(ctx context.Context, out *log.Logger, s *site) error {
	unit := netip.PrefixFrom(attacker, 32)
	e, err := c.Explain(ctx, unit, true)
	if err != nil {
		return err
	}
	out.Printf("\nThe centre says why, to the one who has the address:\n%s\n", e.Text)
	if _, _, err := c.Appeal(ctx, community.AppealRequest{Unit: unit, Proven: true, Text: "This is my address now."}); err != nil {
		return err
	}
	if err := s.forget(ctx); err != nil {
		return err
	}
	out.Printf("He appeals, from that address. The next request to the wiki gets %s", s.get("/"))
	return nil
}

// A site is a web site that tocsin protects, as a member of the community.
type site struct {
	name   string
	engine *engine.Engine
	server *httptest.Server
}

// newSite returns a site whose only source of decisions is the community, to which it also
// reports.
func newSite(name string, m *member.Client) (*site, error) {
	rules, err := detect.Builtin()
	if err != nil {
		return nil, err
	}
	e, err := engine.New(engine.Config{
		Sources: []engine.Source{m}, Reporters: []engine.Reporter{m}, Detect: detect.New(detect.Config{Rules: rules}),
	})
	if err != nil {
		return nil, err
	}
	// All requests of this example are the attacker's. A real site takes the address of the
	// connection, which is the default.
	from := func(*http.Request) netip.Addr { return attacker }
	guard, err := middleware.New(middleware.Config{Lookup: e.Lookup, Observe: e, ClientIP: from})
	if err != nil {
		return nil, err
	}
	pages := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "hello") })
	e.Start()
	return &site{name, e, httptest.NewServer(guard.Handler(pages))}, nil
}

func (s *site) close() {
	s.server.Close()
	if err := s.engine.Close(); err != nil {
		log.Print(err)
	}
}

// get requests a page, and says what the answer is.
func (s *site) get(target string) string {
	answer, err := http.Get(s.server.URL + target)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	return answer.Status
}

// attack tries to read files that are none of a visitor's business, until the site refuses.
func (s *site) attack() string {
	for n := 1; n <= 20; n++ {
		if status := s.get(fmt.Sprintf("/show?file=../../../../etc/passwd&page=%d", n)); status != "200 OK" {
			return fmt.Sprintf("request %d gets %s", n, status)
		}
	}
	return "it never stops him"
}

var errLate = errors.New("the site has not heard of it in time")

// learn waits until the site knows of a decision about the attacker.
func (s *site) learn(ctx context.Context) error { return s.wait(ctx, true) }

// forget waits until it knows of none.
func (s *site) forget(ctx context.Context) error { return s.wait(ctx, false) }

func (s *site) wait(ctx context.Context, want bool) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, found := s.engine.Lookup(ctx, attacker); found == want {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errLate
		}
	}
}

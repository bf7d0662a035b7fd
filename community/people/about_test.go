package people_test

import (
	"flag"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/people"
	"github.com/tocsin-project/tocsin/internal/golden"
)

var update = flag.Bool("update", false, "write testdata/records.txt anew")

func TestL16TheNoticeIsMadeFromTheConfig(t *testing.T) {
	w := found(t, func(cfg *community.Config) {
		cfg.Public = true
		cfg.Retention = community.Retention{Cases: 200 * 24 * time.Hour}
	})
	w.client(other).get("/notice").want(
		t, 200, "Example e.V.", "abuse@example.org", "data protection officer", "Article 6(1)(f)", "everybody: the list is public",
		"14 days", "90 days", "200 days", "30 days", "168 hours", "Access", "Objection", "Erasure", "Rectification", "Complaint", w.About().RulesHash, `"half_life"`,
		"the hour and a magnitude", "once in 30 days only", "up to eight addresses that its servers connect from",
	)
	// Without an operator it says that, too.
	bare := found(t, func(cfg *community.Config) { cfg.Operator = community.Operator{} })
	bare.client(other).get("/notice").want(t, 200, "the operator of this server, who has not given a name", "not given", "the members of the community")
}

func TestL17RecordsHaveTheFiguresOfTheRunningServer(t *testing.T) {
	w := appealed(t)
	w.must(func() error { _, err := w.Decide(t.Context(), "anna", 1, community.Upheld, ""); return err }())
	var lines []string
	for line := range strings.Lines(w.client(other).get("/records").want(t, 200).plain()) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	golden.File(t, "testdata/records.txt", strings.Join(lines, "\n")+"\n", *update, "go test ./community/people -run TestL17 -update")
}

func TestL18TheTermsHaveTheirVersion(t *testing.T) {
	w := found(t, nil)
	w.client(other).get("/terms").want(t, 200, "Version 2026-06", "Roles", "Purpose", "Do not publish it", "Not your own users").without(t, "operator's own terms")
	h, err := people.New(people.Config{Centre: w.Centre, TermsURL: "https://example.org/terms?a=1&b=2"})
	w.must(err)
	w.handler = h
	w.client(other).get("/terms").want(t, 200, "operator's own terms", "https://example.org/terms?a=1&b=2")
	public := found(t, func(cfg *community.Config) { cfg.Public = true })
	public.client(other).get("/terms").want(t, 200, "The list is public.").without(t, "Do not publish it")
}

func TestFiguresAreCountedOnceAMinute(t *testing.T) {
	w := listed(t, mine)
	c := w.client(other)
	c.get("/figures").want(t, 200, "0 of these appeals, 0 %", "none yet", "3, of which 3 groups are established")
	appeal := func(address string) {
		c := w.client(address)
		c.post("/appeal", c.get("/").form(t, "/appeal")).want(t, 200)
	}
	appeal(mine)
	w.clock.pass(2 * time.Hour)
	w.must(func() error { _, err := w.Decide(t.Context(), "anna", 1, community.Upheld, ""); return err }())
	c.get("/figures").want(t, 200, "1 of these appeals, 100 %", "2 hours")
	w.report(other, w.vouched(3)...)
	before := c.get("/figures").want(t, 200, "100 %").body
	appeal(other)
	if now := c.get("/figures").body; now != before {
		t.Error("it is counted for everybody who asks")
	}
	w.clock.pass(time.Minute)
	c.get("/figures").want(t, 200, "1 of these appeals, 50 %")
}

func TestThePageOfTheConnectionNeedsNoConfig(t *testing.T) {
	w := listed(t, mine)
	h, err := people.New(people.Config{Centre: w.Centre})
	w.must(err)
	w.handler = h
	w.client(mine).get("/").want(t, 200, "This is your address.")
	r := w.client(mine).request(http.MethodGet, "/", nil)
	r.RemoteAddr = "@"
	w.client(mine).send(r).want(t, 200, "Is my address listed?").without(t, "This is your address.")
}

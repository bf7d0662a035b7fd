package community_test

import (
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// An operator who adds an address to a list expects that it has an effect on what is listed now.
func TestAChangedListOfAddressesChangesTheList(t *testing.T) {
	for _, row := range []struct {
		name  string
		class community.Class
		want  consensus.Remediation
	}{
		{"excluded", community.Class{Exclusion: consensus.Allowlisted}, consensus.Allow},
		{"a canary", community.Class{Canary: true}, consensus.Allow},
		{"shared", community.Class{Shared: true}, consensus.Captcha},
		{"an exit of Tor", community.Class{Tor: true}, consensus.Captcha},
		{"a scanner", community.Class{Scanner: true}, consensus.Ban},
	} {
		t.Run(row.name, func(t *testing.T) {
			classes := known{}
			w := found(t, func(c *community.Config) { c.Classes = classes })
			members := w.vouched(6)
			for _, u := range []consensus.Unit{nth(1), nth(2)} {
				w.all(members, u)
				w.expect(u, consensus.Ban)
			}
			classes["93.0.0.1/32"] = row.class
			w.pass(time.Minute)
			w.must(w.RunJobs(t.Context()))
			w.expect(nth(1), row.want)
			w.expect(nth(2), consensus.Ban)
		})
	}
}

func TestWhatCannotBeListedAnyMoreLeavesTheList(t *testing.T) {
	w := found(t, nil)
	strange := unit("198.18.0.1")
	w.must(w.store.Update(t.Context(), func(tx community.Tx) error {
		r := community.Record{
			Unit: strange, At: begin, Next: begin.Add(time.Hour * 100),
			Listed:  community.Listing{Unit: strange, Action: consensus.Ban, Until: begin.Add(time.Hour * 100)},
			Verdict: consensus.Verdict{Unit: strange, Tier: consensus.Listed, Next: consensus.Prev{Judged: true, Tier: consensus.Listed, Expires: begin.Add(time.Hour * 100)}},
		}
		return tx.PutRecord(r)
	}))
	_, err := w.Follow(t.Context())
	w.must(err)
	w.expect(strange, consensus.Ban)
	w.must(w.RunJobs(t.Context()))
	w.expect(strange, consensus.Allow)
}

package community

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// ErrTampered says that somebody changed the audit log.
var ErrTampered = errors.New("the audit log was changed")

// A head is the end of the audit log at a time, signed with the secret. Without the secret,
// write access to the database is not enough to forge the chain.
type head struct {
	Seq  uint64    `json:"seq"`
	Hash []byte    `json:"hash"`
	At   time.Time `json:"at"`
	Sign []byte    `json:"sign"`
}

// maxHeads is the limit of signed heads: one a day for a year and a month.
const maxHeads = 400

func (c *Centre) sign(h *head) []byte {
	return c.hash(labelAudit, strconv.FormatUint(h.Seq, 10)+" "+hex.EncodeToString(h.Hash)+" "+strconv.FormatInt(h.At.Unix(), 10))
}

// signHead signs the end of the audit log.
func (c *Centre) signHead(ctx context.Context) error {
	return c.update(ctx, "signing the audit log", func(w *work) error {
		var heads []head
		if err := getJSON(w.Tx, settingHeads, &heads); err != nil {
			return err
		}
		last, err := w.AppendAudit(Entry{At: w.now, Actor: "centre", Action: "audit.head"})
		if err != nil {
			return err
		}
		h := head{Seq: last.Seq, Hash: last.Hash, At: w.now}
		h.Sign = c.sign(&h)
		heads = append(heads, h)
		return putJSON(w.Tx, settingHeads, heads[max(0, len(heads)-maxHeads):])
	})
}

// auditAtOnce is the limit of entries in one read.
const auditAtOnce = 1000

// VerifyAudit checks that the audit log is unchanged: each entry has the hash of the entry
// before it, and the signed heads are in the log. It returns the number of entries.
func (c *Centre) VerifyAudit(ctx context.Context) (n int, err error) {
	err = c.view(ctx, "verifying the audit log", func(tx ReadTx) (err error) {
		n, err = c.verifyAudit(tx)
		return err
	})
	return n, err
}

func (c *Centre) verifyAudit(tx ReadTx) (n int, err error) {
	var heads []head
	if err := getJSON(tx, settingHeads, &heads); err != nil {
		return 0, err
	}
	signed := map[uint64]head{}
	for _, h := range heads {
		if !hmac.Equal(h.Sign, c.sign(&h)) {
			return 0, fmt.Errorf("%w: the head of %s has a wrong signature", ErrTampered, h.At.Format(time.DateOnly))
		}
		signed[h.Seq] = h
	}
	var last Entry
	for {
		entries, err := tx.Audit(last.Seq, auditAtOnce)
		if err != nil {
			return n, err
		}
		for _, e := range entries {
			if err := follows(last, e); err != nil {
				return n, err
			}
			if h, found := signed[e.Seq]; found && !bytes.Equal(h.Hash, e.Hash) {
				return n, fmt.Errorf("%w: entry %d is not what was signed", ErrTampered, e.Seq)
			}
			last = e
			n++
		}
		if len(entries) < auditAtOnce {
			break
		}
	}
	if len(heads) > 0 && last.Seq < heads[len(heads)-1].Seq {
		return n, fmt.Errorf("%w: it ends at %d, and %d was signed", ErrTampered, last.Seq, heads[len(heads)-1].Seq)
	}
	return n, nil
}

// follows returns an error unless e comes directly after last. If the beginning of the log was
// deleted, any entry can be the first.
func follows(last, e Entry) error {
	first := last.Seq == 0
	switch {
	case first && e.Seq == 1 && len(e.Prev) > 0, !first && (e.Seq != last.Seq+1 || !bytes.Equal(e.Prev, last.Hash)):
		return fmt.Errorf("%w: entry %d does not follow the one before it", ErrTampered, e.Seq)
	case !bytes.Equal(SealEntry(e.Prev, e).Hash, e.Hash):
		return fmt.Errorf("%w: entry %d does not have its hash", ErrTampered, e.Seq)
	}
	return nil
}

// Audit returns entries of the audit log.
func (c *Centre) Audit(ctx context.Context, actor string, after uint64, limit int) (entries []Entry, err error) {
	err = c.update(ctx, "reading the audit log", func(w *work) (err error) {
		if entries, err = w.Tx.Audit(after, limit); err != nil {
			return err
		}
		return w.audit(actor, "audit.read", "", fmt.Sprintf("after %d", after))
	})
	return entries, err
}

// An export has the data for a supervisory authority.
type export struct {
	Community string           `json:"community"`
	Operator  Operator         `json:"operator"`
	At        time.Time        `json:"at"`
	Kinds     []exportKind     `json:"kinds_of_data"`
	Tiers     map[string]int64 `json:"units_by_tier"`
	Oldest    *time.Time       `json:"oldest_report,omitempty"`
	Listed    int              `json:"listed"`
}

type exportKind struct {
	Name string `json:"name"`
	N    int64  `json:"number"`
	Kept string `json:"kept"`
}

// Export writes kinds of data and their numbers, for a supervisory authority. It names no
// member and no address.
func (c *Centre) Export(ctx context.Context, actor string, w io.Writer) error {
	x := export{Community: c.cfg.Name, Operator: c.cfg.Operator, Tiers: map[string]int64{}, Listed: len(c.List().Entries)}
	accounts, err := c.cfg.Accounts.All(ctx)
	if err != nil {
		return doing("reading accounts", err)
	}
	err = c.update(ctx, "counting for an export", func(w *work) error {
		totals, err := w.Totals()
		if err != nil {
			return err
		}
		x.fill(&c.cfg, &totals, len(accounts), w.now)
		return w.audit(actor, "export", "", "")
	})
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return doing("writing the export", enc.Encode(x))
}

func (x *export) fill(cfg *Config, totals *Totals, accounts int, now time.Time) {
	keep := cfg.Retention
	x.At, x.Oldest = now, moment(totals.Oldest)
	x.Kinds = []exportKind{
		{"reports: address, scenario, times to the minute, magnitude, flags, keyed hash of the member", totals.Reports, keep.Reports.String()},
		{"verdicts about addresses", totals.Units, keep.Episodes.String()},
		{"members: keyed hash, network, standing", totals.Members, "while they are members"},
		{"accounts: name, contact, operator, network, times, in another database", int64(accounts), keep.Accounts.String() + " after they left"},
		{"open cases: address, text of the person", totals.OpenCases, "until decided, and " + keep.Cases.String()},
	}
	for tier := consensus.None; tier <= consensus.Listed; tier++ {
		x.Tiers[tier.String()] = totals.Tiers[tier]
	}
}

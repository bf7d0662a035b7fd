package community

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tocsin-project/tocsin/consensus"
)

const (
	maxText       = 2000 // characters of an appeal
	decideWithin  = 72 * time.Hour
	appealsAMonth = 2 // that take effect at once; an erasure counts as one
	maxOpenOfUnit = 3
	maxOpen       = 5000 // cases; beyond it, only cases with proof
)

// An AppealRequest asks to remove a unit from the list.
type AppealRequest struct {
	Unit   consensus.Unit
	Proven bool   // the person proved to use the address
	Text   string // 2,000 characters at most
	// Once is a value that only one appeal has, on all servers: a second one is [ErrTaken]. Empty:
	// the appeal has no such value.
	Once string
}

// Appeal opens a case. If the person proved to use the address, the listing ends at once, but
// only for the first two appeals in 30 days. [Centre.Genuine] recognizes the receipt.
func (c *Centre) Appeal(ctx context.Context, a AppealRequest) (opened Case, receipt string, err error) {
	unit, err := unitOf(a.Unit)
	if err != nil {
		return Case{}, "", invalid("%w", err)
	}
	// Browsers count a line end as one character, and send two.
	text := lines(a.Text)
	if n := utf8.RuneCountInString(text); n > maxText {
		return Case{}, "", invalid("text of %d characters: want %d at most", n, maxText)
	}
	ticket := c.ticketFor(a.Once)
	suspended := false
	err = c.update(ctx, "taking an appeal", func(w *work) (err error) {
		opened = Case{
			Ticket: ticket, Unit: unit, Kind: Appeal, Proven: a.Proven, Opened: w.now, Due: w.now.Add(decideWithin),
			Text: text, State: Open,
		}
		suspended, err = w.appeal(&opened)
		return err
	})
	if err != nil {
		return Case{}, "", err
	}
	c.health.openCases(1)
	return opened, c.receipt(&opened, suspended), nil
}

// appeal opens a case, and suspends the listing if the person may do that.
func (w *work) appeal(k *Case) (suspended bool, err error) {
	earlier, err := w.CasesOf(k.Unit)
	if err != nil {
		return false, err
	}
	if err := w.allowCase(k, earlier); err != nil {
		return false, err
	}
	f, err := w.c.open(w.Tx, k.Unit)
	if err != nil {
		return false, err
	}
	recent := w.recentAppeals(earlier)
	if w.isErased(f) {
		recent++
	}
	action := "appeal.open"
	if k.Proven && recent < appealsAMonth {
		if suspended, err = w.suspendListing(k.Unit); err != nil {
			return false, err
		}
	}
	if suspended {
		action = "appeal.suspend"
	}
	if k.ID, err = w.PutCase(*k); err != nil {
		return false, err
	}
	return suspended, w.audit("centre", action, consensus.UnitText(k.Unit), fmt.Sprintf("case %d", k.ID))
}

// recentAppeals returns how many appeals of the last month had proof.
func (w *work) recentAppeals(earlier []Case) int {
	return count(earlier, func(e Case) bool { return e.Kind == Appeal && e.Proven && w.now.Sub(e.Opened) < month })
}

// isErased reports whether a unit was erased in the last month.
func (w *work) isErased(f *file) bool { return !f.erased.IsZero() && w.now.Sub(f.erased) < month }

// allowCase bounds the cases that wait for a moderator.
func (w *work) allowCase(k *Case, earlier []Case) error {
	open := count(earlier, func(e Case) bool { return e.State == Open && e.Proven == k.Proven })
	if open >= maxOpenOfUnit {
		return TooManyError{Retry: decideWithin}
	}
	if !k.Proven && w.c.health.openCases(0) >= maxOpen {
		return TooManyError{Retry: time.Hour}
	}
	return nil
}

// suspendListing removes a unit from the list, and reports whether it was on the list. No
// evidence up to now counts again.
func (w *work) suspendListing(unit consensus.Unit) (bool, error) {
	f, err := w.c.open(w.Tx, unit)
	if err != nil {
		return false, err
	}
	if f.record.Verdict.Tier < consensus.Suspect && f.record.Listed.Action == consensus.Allow {
		return false, nil
	}
	w.removals = append(w.removals, Removal{w.now, RemovedListing, w.c.unitHash(unit)})
	return true, w.endListing(f)
}

// endListing removes a unit from the list, and makes sure that no evidence up to now counts
// again.
func (w *work) endListing(f *file) error {
	f.record.Verdict.Next = f.record.Verdict.Next.Appeal(w.now)
	_, err := w.settle(f)
	return err
}

// receipt returns a text with the result of an appeal, and a code that only this centre can
// make.
func (c *Centre) receipt(k *Case, suspended bool) string {
	result := "A moderator decides by " + k.Due.Format(time.RFC1123) + "."
	if suspended {
		result = "The listing has ended. What was reported before never counts again."
	}
	text := strings.Join([]string{
		"Receipt of an appeal to " + cut(c.cfg.Name, 100), "Address: " + consensus.UnitText(k.Unit), "Ticket: " + k.Ticket,
		"Opened: " + k.Opened.Format(time.RFC1123), result, "Code: ",
	}, "\n")
	return text + c.receiptCode(text)
}

func (c *Centre) receiptCode(text string) string {
	return hex.EncodeToString(c.hash(labelReceipt, text)[:16])
}

// Genuine reports whether this centre made a receipt.
func (c *Centre) Genuine(receipt string) bool {
	text := strings.ReplaceAll(strings.TrimSpace(receipt), "\r\n", "\n")
	i := strings.LastIndex(text, "\nCode: ")
	if i < 0 {
		return false
	}
	text, code := text[:i+len("\nCode: ")], text[i+len("\nCode: "):]
	return hmac.Equal([]byte(code), []byte(c.receiptCode(text)))
}

// Erase deletes the data about a unit. It does so at once if the person proved to use the
// address, but only once in 30 days, and not after two appeals: otherwise an attacker would stay
// off the list. In all other cases a moderator decides. Earlier reports do not list the unit
// again. once is as in [AppealRequest].
func (c *Centre) Erase(ctx context.Context, unit consensus.Unit, proven bool, once string) (k Case, err error) {
	if unit, err = unitOf(unit); err != nil {
		return Case{}, invalid("%w", err)
	}
	ticket := c.ticketFor(once)
	err = c.update(ctx, "erasing what is known of a unit", func(w *work) error {
		k = Case{Ticket: ticket, Unit: unit, Kind: Erasure, Proven: proven, Opened: w.now, Due: w.now.Add(decideWithin), State: Open}
		return w.eraseOrOpen(&k)
	})
	if err == nil && k.State == Open {
		c.health.openCases(1)
	}
	return k, err
}

func (w *work) eraseOrOpen(k *Case) error {
	f, err := w.c.open(w.Tx, k.Unit)
	if err != nil {
		return err
	}
	earlier, err := w.CasesOf(k.Unit)
	if err != nil {
		return err
	}
	known := !f.record.At.IsZero() || len(f.reports)+len(f.ordinary)+len(earlier) > 0
	if k.Proven && (!known || !w.isErased(f) && w.recentAppeals(earlier) < appealsAMonth) {
		// The centre does not keep the case, because it would name the address again.
		k.State, k.By, k.Decided = Upheld, "centre", w.now
		if !known {
			return nil // nothing to write: whoever has very many addresses must not fill the store
		}
		return w.erase(k.Unit, "centre")
	}
	if err := w.allowCase(k, earlier); err != nil {
		return err
	}
	if k.ID, err = w.PutCase(*k); err != nil {
		return err
	}
	return w.audit("centre", "erasure.open", consensus.UnitText(k.Unit), fmt.Sprintf("case %d", k.ID))
}

// erase deletes the data about a unit. The audit log has its keyed hash.
func (w *work) erase(unit consensus.Unit, actor string) error {
	f, err := w.c.open(w.Tx, unit)
	if err != nil {
		return err
	}
	was := f.record.Listed
	if err := w.Erase(unit); err != nil {
		return err
	}
	hash := w.c.unitHash(unit)
	if err := w.Suppress(hash, w.now.Add(suppression)); err != nil {
		return err
	}
	w.removals = append(w.removals, Removal{w.now, RemovedData, hash})
	if was.Action != consensus.Allow {
		seq, err := w.AppendChange(Change{At: w.now, Listing: Listing{Unit: unit}, Was: was.Action})
		if err != nil {
			return err
		}
		w.seq = max(w.seq, seq)
	}
	w.replace(unit, consensus.Reporting{})
	if err := w.forget(unit, f); err != nil {
		return err
	}
	return w.audit(actor, "erasure.done", hex.EncodeToString(hash), "")
}

// forget makes all servers forget a unit. They read changed records but do not see deletions,
// so forget stores an empty record, which the next purge deletes.
func (w *work) forget(unit consensus.Unit, f *file) error {
	if f.record.Version == 0 && len(f.reports) == 0 {
		return nil
	}
	r := &Record{Unit: unit}
	w.records = append(w.records, r)
	return w.PutRecord(*r)
}

// CaseByTicket returns the case with the ticket of a person, or ErrNotFound.
func (c *Centre) CaseByTicket(ctx context.Context, ticket string) (k Case, err error) {
	if !isName(strings.TrimSpace(ticket)) {
		return Case{}, ErrNotFound // see account
	}
	err = c.view(ctx, "looking for a case", func(tx ReadTx) (err error) {
		k, err = tx.CaseByTicket(strings.ToUpper(strings.TrimSpace(ticket)))
		return err
	})
	return k, err
}

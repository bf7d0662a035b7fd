package community

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A watch has the watched units, for questions.
type watch struct {
	mu    sync.Mutex
	units map[consensus.Unit]watched
	asked []consensus.Unit // the questions, as of at
	at    time.Time
}

// A watched has the data of a watched unit.
type watched struct {
	net         consensus.Micro
	established int
}

func newWatch() *watch { return &watch{units: map[consensus.Unit]watched{}} }

// learn applies a record.
func (w *watch) learn(r *Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Verdict.Tier == consensus.Watched {
		w.units[r.Unit] = watched{r.Verdict.Net, r.Verdict.Established}
	} else {
		delete(w.units, r.Unit)
	}
}

func (w *watch) has(unit consensus.Unit) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, found := w.units[unit]
	return found
}

// renew is the largest age of the questions.
const renew = time.Minute

// questions returns the units that members are asked about.
func (w *watch) questions(rules *consensus.Rules, now time.Time) []consensus.Unit {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at.IsZero() || now.Sub(w.at).Abs() >= renew {
		verdicts := make([]consensus.Verdict, 0, len(w.units))
		for unit, u := range maps.All(w.units) {
			verdicts = append(verdicts, consensus.Verdict{Unit: unit, Tier: consensus.Watched, Established: u.established, Net: u.net})
		}
		w.asked, w.at = consensus.Questions(rules, verdicts), now
	}
	return w.asked
}

// Questions are the units about which a member is asked.
type Questions struct {
	ID    string // to answer with
	Units []consensus.Unit
	Until time.Time
}

// answerWithin is how long questions can be answered.
const answerWithin = time.Hour

// Questions returns the units about which the centre asks a member whether it sees ordinary
// use. It asks established members only.
func (c *Centre) Questions(_ context.Context, by Caller) (Questions, error) {
	if by.Role != Reporter || !c.established(c.state.standing.Load().of[by.ID]) {
		return Questions{}, nil
	}
	now := c.now()
	until := now.Add(answerWithin)
	return Questions{ID: c.askedID(by, until), Units: slices.Clone(c.watch.questions(c.cfg.Rules, now)), Until: until}, nil
}

// askedID returns an id that only this member can answer with, on any server.
func (c *Centre) askedID(by Caller, until time.Time) string {
	end := strconv.FormatInt(until.Unix(), 36)
	return end + "." + hex.EncodeToString(c.hash(labelAsked, by.Login+"\x00"+end)[:16])
}

// checkAsked returns what is wrong with the id of questions.
func (c *Centre) checkAsked(by Caller, id string, now time.Time) error {
	end, _, _ := strings.Cut(id, ".")
	seconds, err := strconv.ParseInt(end, 36, 64)
	if err != nil || !hmac.Equal([]byte(id), []byte(c.askedID(by, time.Unix(seconds, 0)))) {
		return invalid("id of the questions: want one that this member was given")
	}
	if now.Unix() > seconds {
		return invalid("these questions have ended: ask again")
	}
	return nil
}

// An Answer says that a unit uses a member's site in the ordinary way.
type Answer struct {
	Unit  consensus.Unit
	Last  time.Time
	Count int
}

// Answer accepts answers to [Centre.Questions], and ignores answers about other units.
func (c *Centre) Answer(ctx context.Context, by Caller, id string, answers []Answer) error {
	now := c.now()
	if by.Role != Reporter {
		return ErrDenied
	}
	if err := c.checkAsked(by, id, now); err != nil {
		return err
	}
	if most := c.cfg.Rules.Config().Questions; len(answers) > most {
		return invalid("%d answers: want %d at most", len(answers), most)
	}
	if retry, ok := c.doors.signals.Take(by.Login, min(len(answers), c.cfg.Rates.Burst)); !ok {
		return TooManyError{retry}
	}
	return c.update(ctx, "taking answers", func(w *work) error {
		for _, a := range answers {
			if err := w.answer(by, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// answer notes ordinary use and judges the unit. Its tier can only fall.
func (w *work) answer(by Caller, a Answer) error {
	unit, err := unitOf(a.Unit)
	if err != nil {
		return nil //nolint:nilerr // answers to other questions are ignored
	}
	last := a.Last.UTC()
	if last.After(w.now) || last.IsZero() {
		last = w.now
	}
	if w.now.Sub(last) >= w.c.cfg.Rules.Config().Window {
		return nil
	}
	f, err := w.c.open(w.Tx, unit)
	if err != nil || f.record.Verdict.Tier == consensus.None {
		return err
	}
	o := Ordinary{Unit: unit, Member: by.ID, Last: last.Truncate(time.Hour), Bucket: magnitude(a.Count)}
	for _, known := range f.ordinary {
		if known.Member == o.Member && !known.Last.Before(o.Last) {
			return nil
		}
	}
	if err := w.PutOrdinary(o); err != nil {
		return err
	}
	f.ordinary = append(slices.DeleteFunc(f.ordinary, func(k Ordinary) bool { return k.Member == o.Member }), o)
	_, err = w.settle(f)
	return err
}

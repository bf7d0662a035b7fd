package admin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	defaultWait = 30 * time.Second       // of the command sync
	syncPause   = 100 * time.Millisecond // between two of its requests
)

// serveSync starts a sync and does not wait, because a source may take minutes.
func serveSync(a App, w http.ResponseWriter, _ *http.Request, _ url.Values) error {
	since := time.Now()
	a.Sync()
	return send(w, http.StatusAccepted, a.Synced(since))
}

// serveSynced says which sources have not been in sync since the time from serveSync. A
// client that waits asks repeatedly, so that it does not block a reload.
func serveSynced(a App, w http.ResponseWriter, _ *http.Request, query url.Values) error {
	since, err := time.Parse(time.RFC3339Nano, query.Get("since"))
	if err != nil {
		return apiError(http.StatusBadRequest, errors.New("parameter since: want a time as in the answer to a POST"))
	}
	return send(w, http.StatusOK, a.Synced(since))
}

func syncFlags(cmd *cobra.Command) {
	const name = "wait"
	cmd.Flags().Duration(name, 0, "Wait until each source is in sync, at most for this duration")
	cmd.Flags().Lookup(name).NoOptDefVal = defaultWait.String()
}

func (c *call) sync() (int, error) {
	wait, err := c.Flags().GetDuration("wait")
	if err != nil {
		return 0, err
	}
	if c.Flags().Changed("wait") && wait <= 0 {
		return 0, fmt.Errorf("--wait=%s: must be greater than 0, such as --wait=30s", wait)
	}
	var a Sync
	if err := c.ask(http.MethodPost, "/tocsin/sync", nil, &a); err != nil {
		return 0, err
	}
	if err := c.print(a.write); err != nil || !c.Flags().Changed("wait") {
		return 0, err
	}
	if len(a.Pending) > 0 {
		c.PrintErrf("Waiting up to %v for %s.\n", wait, a.waitsFor())
	}
	return 0, c.await(a.Since, wait)
}

// await waits until all sources have been in sync.
func (c *call) await(since time.Time, wait time.Duration) error {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	pause := time.NewTicker(syncPause)
	defer pause.Stop()
	query := url.Values{"since": {since.Format(time.RFC3339Nano)}}
	for {
		var a Sync
		if err := c.fetch(http.MethodGet, "/tocsin/sync", query, &a); err != nil {
			return err
		}
		if len(a.Pending) == 0 {
			return nil
		}
		select {
		case <-pause.C:
		case <-timeout.C:
			return fmt.Errorf("not in sync after %v: %s", wait, a.pending())
		case <-c.Context().Done():
			return c.Context().Err()
		}
	}
}

func (a *Sync) write(w io.Writer) error {
	text := "Reading again: " + printable(strings.Join(a.Sources, ", "))
	if len(a.Sources) == 0 {
		text = "There is no source that can be read again."
	}
	return writeLine(w, text)
}

// waitsFor returns the names of the pending sources.
func (a *Sync) waitsFor() string {
	var all []string
	for _, p := range a.Pending {
		all = append(all, printable(p.Source))
	}
	return strings.Join(all, ", ")
}

// pending returns the names of the pending sources with their reasons.
func (a *Sync) pending() string {
	var all []string
	for _, p := range a.Pending {
		why := p.Error
		if why == "" {
			why = "the next try is due at " + p.Next.Format(time.RFC3339)
		}
		all = append(all, printable(p.Source+" ("+why+")"))
	}
	return strings.Join(all, ", ")
}

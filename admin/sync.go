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
	syncPause   = 100 * time.Millisecond // between two questions of its
)

// serveSync starts what it cannot wait for: a source may take minutes.
func serveSync(a App, w http.ResponseWriter, _ *http.Request, _ url.Values) error {
	since := time.Now()
	a.Sync()
	return send(w, http.StatusAccepted, a.Synced(since))
}

// serveSynced says which sources were not in sync since the time that serveSync
// gave. Whoever waits asks again, so that nothing is held up by it, a reload least.
func serveSynced(a App, w http.ResponseWriter, _ *http.Request, query url.Values) error {
	since, err := time.Parse(time.RFC3339Nano, query.Get("since"))
	if err != nil {
		return apiError(http.StatusBadRequest, errors.New("parameter since: want a time as the answer to a POST has it"))
	}
	return send(w, http.StatusOK, a.Synced(since))
}

func syncFlags(cmd *cobra.Command) {
	const name = "wait"
	cmd.Flags().Duration(name, 0, "Wait until each source was in sync, for so long at most")
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

// await waits until all sources were in sync since.
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
			return fmt.Errorf("after %v not in sync: %s", wait, a.pending())
		case <-c.Context().Done():
			return c.Context().Err()
		}
	}
}

func (a *Sync) write(w io.Writer) error {
	text := "Reading anew: " + printable(strings.Join(a.Sources, ", "))
	if len(a.Sources) == 0 {
		text = "There is no source that could be read anew."
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// waitsFor names the sources that were not in sync yet.
func (a *Sync) waitsFor() string {
	var all []string
	for _, p := range a.Pending {
		all = append(all, printable(p.Source))
	}
	return strings.Join(all, ", ")
}

// pending names the sources that are, each with the reason.
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

package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// A call is one run of a command.
type call struct {
	*cobra.Command
	args []string
}

// ask sends a request to the admin API and reads the answer into v. With --json it also
// prints the unchanged answer.
func (c *call) ask(method, path string, query url.Values, v any) error {
	if c.isJSON() {
		return c.request(method, path, query, v, c.OutOrStdout())
	}
	return c.fetch(method, path, query, v)
}

// fetch is ask without output.
func (c *call) fetch(method, path string, query url.Values, v any) error {
	return c.request(method, path, query, v, io.Discard)
}

// request sends a request to the admin API, and copies the answer. A v that is not nil
// gets what is in it; a list of a million is copied as it comes, without one.
func (c *call) request(method, path string, query url.Values, v any, copyTo io.Writer) error {
	address, err := c.address()
	if err != nil {
		return err
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	resp, err := caddycmd.AdminAPIRequest(address, method, path, nil, nil)
	if err != nil {
		return fmt.Errorf("asking the admin API at %s: %w", address, plain(err))
	}
	defer resp.Body.Close()
	body := io.TeeReader(resp.Body, copyTo)
	if v != nil {
		err = json.NewDecoder(body).Decode(v)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, body)
	}
	if err != nil {
		return fmt.Errorf("reading the answer of the admin API: %w", err)
	}
	return nil
}

// address returns the address of the admin API, found as by caddy stop.
func (c *call) address() (string, error) {
	address, err1 := c.Flags().GetString("address")
	config, err2 := c.Flags().GetString("config")
	adapter, err3 := c.Flags().GetString("adapter")
	if err := errors.Join(err1, err2, err3); err != nil {
		return "", err
	}
	address, err := caddycmd.DetermineAdminAPIAddress(address, nil, config, adapter)
	if err != nil {
		return "", fmt.Errorf("finding the admin API: %w", err)
	}
	return address, nil
}

func (c *call) isJSON() bool {
	on, err := c.Flags().GetBool("json")
	return on && err == nil
}

// print prints an answer as text, unless it was printed as JSON.
func (c *call) print(write func(w io.Writer) error) error {
	if c.isJSON() {
		return nil
	}
	return write(c.OutOrStdout())
}

func (c *call) status() (int, error) {
	var a Status
	if err := c.ask(http.MethodGet, "/tocsin/status", nil, &a); err != nil {
		return 0, err
	}
	return badIf(!a.Ready), c.print(a.write)
}

func (c *call) check() (int, error) {
	var a Check
	if err := c.ask(http.MethodGet, "/tocsin/check", url.Values{"ip": c.args}, &a); err != nil {
		return 0, err
	}
	return badIf(a.Result != Passes), c.print(a.write)
}

func (c *call) list() (int, error) {
	query := url.Values{}
	for _, name := range []string{"source", "origin", "action", "limit"} {
		if f := c.Flags().Lookup(name); f.Changed {
			query.Set(name, f.Value.String())
		}
	}
	if c.isJSON() {
		return 0, c.request(http.MethodGet, "/tocsin/decisions", query, nil, c.OutOrStdout())
	}
	var a List
	if err := c.fetch(http.MethodGet, "/tocsin/decisions", query, &a); err != nil {
		return 0, err
	}
	return 0, a.write(c.OutOrStdout())
}

func (c *call) unban() (int, error) {
	var a Unban
	if err := c.ask(http.MethodDelete, "/tocsin/decisions", url.Values{"target": c.args}, &a); err != nil {
		return 0, err
	}
	return badIf(a.isPartial()), c.print(a.write)
}

func badIf(bad bool) int {
	if bad {
		return exitBad
	}
	return 0
}

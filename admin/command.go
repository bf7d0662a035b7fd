package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// exitBad is the exit code of commands that got the answer that nobody wants: a
// server that is not ready, a client that would be stopped, an unban that a Local
// API did not take part in. 0 is the good one, and 1 is, as for all of Caddy's
// commands, that there is none.
const exitBad = 2

// Commands returns the commands that look after a running server: status, check,
// list, unban, alerts, scenarios and sync, which ask its admin API; and replay, which
// needs none. Every Caddy with this module has them below the command tocsin; a program
// that is named so itself may register them as commands of its own.
func Commands() []caddycmd.Command {
	all := []caddycmd.Command{
		command{
			name: "status", short: "Shows how the server stands: sources, decisions, requests",
			long: `
Shows whether the running server is fit to judge by, how each source of
decisions stands, and how many requests were stopped.

The exit code is 0 if it is ready, and 2 if it is not.`,
			args: cobra.NoArgs, run: (*call).status,
		}.register(),
		command{
			name: "check", usage: "<address> ", short: "Says what would become of a client",
			long: `
Says what would become of a request from an IP address: because of which
decisions, from which sources and until when, and which one wins.

The exit code is 0 if the client passes, and 2 if it is stopped. What a site
does by its own, allow or dry_run in its directive, is said and not counted in.`,
			args: cobra.ExactArgs(1), run: (*call).check,
		}.register(),
		command{
			name: "list", usage: "[--source <name>] [--origin <origin>] [--action <action>] [--limit <n>] ", short: "Lists decisions",
			long: `
Lists the decisions in force, in no fixed order: up to a hundred of them, or as
many as --limit says. Those of live sources are not held, and not listed.

After them come the guards: places, such as a login, and networks, where requests
need a solved challenge whoever sends them, because many addresses attack there.`,
			args: cobra.NoArgs, flags: listFlags, run: (*call).list,
		}.register(),
		command{
			name: "unban", usage: "<address>|<range>|<country>|AS<number>|<place> ", short: "Takes decisions back",
			long: `
Takes back what is decided about an address, a range, a country or an autonomous
system: here at once, and in each CrowdSec Local API whose config names a
machine. Decisions about more than that, such as a range around an address,
stay; they are shown. Guards on that network or client end too. A guard on a place
is named as the list prints it, in quotes: tocsin unban "POST example.com/login"

The exit code is 0, and 2 if a Local API did not take part: then the decision
may come back from there.`,
			args: cobra.ExactArgs(1), run: (*call).unban,
		}.register(),
	}
	return append(all, detectCommands()...)
}

// detectCommands returns those of [Commands] that are about what is seen, and sync.
func detectCommands() []caddycmd.Command {
	return []caddycmd.Command{
		command{
			name: "alerts", usage: "[--limit <n>] ", short: "Lists the last alerts of scenarios",
			long: `
Lists the last alerts that scenarios gave, the newest first: about whom, why, and
what was decided here. The server keeps the last hundred.`,
			args: cobra.NoArgs, flags: alertsFlags, run: (*call).alerts,
		}.register(),
		scenariosCommand().register(),
		command{
			name: "sync", usage: "[--wait[=<duration>]] ", short: "Has the sources read everything anew",
			long: `
Has the running server read its sources of decisions anew, now and in full. The
server of a list is asked no sooner than a minute after the last time. The command
status says how it went.

With --wait it waits until each source was in sync since, for half a minute or as
long as it says, such as --wait=5m. The exit code is 1 if one was not.`,
			args: cobra.NoArgs, flags: syncFlags, run: (*call).sync,
		}.register(),
		newReplay(),
	}
}

// newGroup returns the command that has all others below it. Where these stand by
// themselves as well it is not shown.
func newGroup() caddycmd.Command {
	return caddycmd.Command{
		Name:  appID,
		Short: "Looks after the bans of a running server",
		CobraFunc: func(group *cobra.Command) {
			group.Hidden = caddy.CustomBinaryName == appID
			for _, c := range Commands() {
				cmd := &cobra.Command{Use: c.Name + " " + c.Usage, Short: c.Short, Long: c.Long}
				c.CobraFunc(cmd)
				group.AddCommand(cmd)
			}
		},
	}
}

// CommandLine returns how a command of ours is called in this program.
func CommandLine(name string) string {
	program := "caddy"
	if caddy.CustomBinaryName != "" {
		program = caddy.CustomBinaryName
	}
	if program != appID {
		program += " " + appID
	}
	return "`" + program + " " + name + "`"
}

func listFlags(cmd *cobra.Command) {
	cmd.Flags().String("source", "", "Only decisions of the source with this name")
	cmd.Flags().String("origin", "", "Only decisions of this origin, such as CAPI")
	cmd.Flags().String("action", "", "Only decisions to ban, captcha or throttle")
	cmd.Flags().Int("limit", defaultLimit, "How many decisions to show at most")
}

// A command asks the admin API.
type command struct {
	name, usage, short, long string

	args  cobra.PositionalArgs
	flags func(*cobra.Command) // adds flags of its own; nil: it has none
	run   func(*call) (exitCode int, err error)
}

// register returns c as Caddy takes it.
func (c command) register() caddycmd.Command {
	return caddycmd.Command{
		Name: c.name, Short: c.short, Long: c.long,
		Usage: c.usage + "[--json] [--address <interface>] [--config <path> [--adapter <name>]]",
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args = c.args
			cmd.Flags().Bool("json", false, "Print the answer of the admin API as it is")
			cmd.Flags().String("address", "", "Address of the administration listener, if not the default")
			cmd.Flags().StringP("config", "c", "", "Configuration file to take that address from, if --address is not used")
			cmd.Flags().StringP("adapter", "a", "", "Name of config adapter to apply (when --config is used)")
			if c.flags != nil {
				c.flags(cmd)
			}
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				code, err := c.run(&call{cmd, args})
				if err != nil || code == 0 {
					return err
				}
				cmd.SilenceErrors = true // the answer is on the screen already
				return exit(cmd, code)
			}
		},
	}
}

// exit returns the error that makes Caddy's main function end with code.
func exit(cmd *cobra.Command, code int) error {
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, nil)
}

// A call is one run of a command.
type call struct {
	*cobra.Command
	args []string
}

// ask sends a request to the admin API and reads the answer into v. With --json
// it prints it too, byte for byte.
func (c *call) ask(method, path string, query url.Values, v any) error {
	if c.isJSON() {
		return c.request(method, path, query, v, c.OutOrStdout())
	}
	return c.fetch(method, path, query, v)
}

// fetch is ask, and prints nothing.
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

// address returns where the admin API is, as caddy stop finds it.
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

// print prints an answer for people, unless it was printed as JSON.
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

package admin

import (
	"slices"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// exitBad is the exit code for a bad answer: the server is not ready, the client would
// be stopped, or a Local API failed in an unban. 0 is a good answer. 1 means no answer,
// as for all of Caddy's commands.
const exitBad = 2

// Commands returns the commands status, check, list, unban, alerts, scenarios and sync,
// which ask the admin API of a running server, and replay, waf and community, which need none.
// Every Caddy with this module has them below the command tocsin. A program with that
// name may register them as its own commands.
func Commands() []caddycmd.Command {
	return slices.Concat(stateCommands(), decisionCommands(), detectCommands())
}

// stateCommands returns the commands about the server and one client.
func stateCommands() []caddycmd.Command {
	return []caddycmd.Command{
		command{
			name: "status", short: "Shows the state of the server: sources, decisions, requests",
			long: `
Shows whether the running server is ready, the state of each source of
decisions, and how many requests were stopped.

The exit code is 0 if it is ready, and 2 if it is not.`,
			args: cobra.NoArgs, run: (*call).status,
		}.register(),
		command{
			name: "check", usage: "<address> ", short: "Shows how the server would treat a client, and why",
			long: `
Shows whether a request from an IP address would pass, and because of which
decisions: their sources, their ends, and which one wins.

The exit code is 0 if the client passes, and 2 if it is stopped. It ignores allow
and dry_run of single sites, which are only shown.`,
			args: cobra.ExactArgs(1), run: (*call).check,
		}.register(),
	}
}

// decisionCommands returns the commands about decisions.
func decisionCommands() []caddycmd.Command {
	return []caddycmd.Command{
		command{
			name: "list", usage: "[--source <name>] [--origin <origin>] [--action <action>] [--limit <n>] ", short: "Lists decisions",
			long: `
Lists the decisions in force, in no fixed order: up to a hundred, or the number
of --limit. Decisions of live sources are not stored, so they are not listed.

After them come the guards: places, such as a login, and networks that many
addresses attack. Requests there need a solved challenge from any client.`,
			args: cobra.NoArgs, flags: listFlags, run: (*call).list,
		}.register(),
		command{
			name: "unban", usage: "<address>|<range>|<country>|AS<number>|<place> ", short: "Removes decisions",
			long: `
Removes the decisions about exactly an address, a range, a country or an
autonomous system: on this server at once, and in each CrowdSec Local API with a
machine in the config. Wider decisions, such as a range around an address, stay and
are shown. Guards on that network or client end too. For a guard on a place, write
it as the list prints it, in quotes: tocsin unban "POST example.com/login"

The exit code is 0, or 2 if a Local API did not remove its decision: then it may
come back.`,
			args: cobra.ExactArgs(1), run: (*call).unban,
		}.register(),
	}
}

// detectCommands returns the commands about detection, and sync.
func detectCommands() []caddycmd.Command {
	return []caddycmd.Command{
		command{
			name: "alerts", usage: "[--limit <n>] ", short: "Lists the latest alerts of scenarios",
			long: `
Lists the last alerts that scenarios gave, the newest first: about whom, why, and
what was decided here. The server keeps the last hundred.`,
			args: cobra.NoArgs, flags: alertsFlags, run: (*call).alerts,
		}.register(),
		scenariosCommand().register(),
		command{
			name: "sync", usage: "[--wait[=<duration>]] ", short: "Makes the sources read everything again",
			long: `
Has the running server read its sources of decisions anew, now and in full. The
server of a list is asked no sooner than a minute after the last time. The command
status says how it went.

With --wait it waits until each source was in sync since, for half a minute or as
long as it says, such as --wait=5m. The exit code is 1 if one was not.`,
			args: cobra.NoArgs, flags: syncFlags, run: (*call).sync,
		}.register(),
		newReplay(),
		newWAF(),
		newCommunity(),
	}
}

// newGroup returns the command tocsin with all others below it. It is hidden if the
// program also has them as its own commands.
func newGroup() caddycmd.Command {
	return caddycmd.Command{
		Name:  appID,
		Short: "Manages the decisions of a running server",
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

// CommandLine returns how to call a command in this program.
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
	cmd.Flags().String("origin", "", "Only decisions with this origin, such as CAPI")
	cmd.Flags().String("action", "", "Only decisions with this action: ban, captcha or throttle")
	cmd.Flags().Int("limit", defaultLimit, "Maximum number of decisions to show")
}

// A command asks the admin API.
type command struct {
	name, usage, short, long string

	args  cobra.PositionalArgs
	flags func(*cobra.Command) // adds its own flags; nil: none
	run   func(*call) (exitCode int, err error)
}

// register returns c as a command of Caddy.
func (c command) register() caddycmd.Command {
	return caddycmd.Command{
		Name: c.name, Short: c.short, Long: c.long,
		Usage: c.usage + "[--json] [--address <interface>] [--config <path> [--adapter <name>]]",
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args = c.args
			cmd.Flags().Bool("json", false, "Print the JSON answer of the admin API")
			cmd.Flags().String("address", "", "Address of the admin API, if not the default")
			cmd.Flags().StringP("config", "c", "", "Configuration file with the address of the admin API (without --address)")
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

// exit returns the error with which Caddy's main function exits with code.
func exit(cmd *cobra.Command, code int) error {
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, nil)
}

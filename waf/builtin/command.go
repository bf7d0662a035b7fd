package builtin

// Parts of patterns of commands. One of a site's own ends with a value: a name of a host, of
// a file, a number, or nothing, and another command follows.
const (
	word      = `\A[\w.@:/+~%*-]*['")]*`
	separator = `(?:(?: ?[;|&\n]+|\$\(|` + "`" + `|<\(|>\(|%0a)[ ({!]*)+`
	and       = ` ?[;|&\n]+[ ({!]*`
	folder    = `(?:[\w./-]*/)?`
	viewers   = `(?:cat|tac|nl|head|tail|less|more|type|strings|od|xxd|hexdump|base64|sort|rev|cp|mv|ls|dir|find|grep|egrep|awk|sed|cut|stat|file|tee|dd|vi|source)`
	fetchers  = `(?:wget|curl|fetch|lynx|lwp-download|tftp|ftpget|ftp|scp|certutil(?:\.exe)?|bitsadmin|powershell(?:\.exe)?|pwsh|invoke-webrequest|iwr|invoke-expression|iex|mshta|regsvr32|rundll32)`
	shells    = `(?:nc|ncat|netcat|socat|telnet|bash|sh|zsh|ksh|dash|ash|busybox|python[23]?(?:\.\d+)?|perl|ruby|php|node|lua|cmd(?:\.exe)?|powershell(?:\.exe)?|xterm|openssl)`
	tellers   = `(?:whoami|uname(?: -\w+)?|ifconfig(?: -\w+)?|ipconfig(?: /\w+)?|systeminfo|hostname(?: -\w)?|netstat(?: -\w+)?|printenv|tasklist|net (?:user|localgroup|view)(?: [^&|;]*)?|ver|phpinfo|reboot|shutdown(?: \S+)?|getent \w+|lsb_release(?: -\w)?|arp(?: -\w)?|ip a(?:ddr)?|sysinfo|netsh \S+.*|reg (?:add|query|export) .*|phpinfo ?\( ?\))`
	shorts    = `(?:id|w|who|set|env|dir|ps(?: \S+)?|ls(?: \S+)?|pwd|date|uptime|groups|last|mount|df(?: -\w)?|history)`
	closing   = `['")}; #&|` + "`" + `]*(?:\z|[;|&#>\n` + "`" + `])`
)

var commandSigns = []sign{
	{commandInjection, 10, inAll, bare, word + separator + folder + viewers + `(?: -[\w-]+)*(?: |<|\$\{?ifs\}?(?:\$9)?|\t)+['"]?(?:[/~.$*?\\]+[\w?*]|[a-z]:|/ ?(?:\z|[;|&])|%\w+%)`},
	// A container waits like this.
	{commandInjection, -10, inBody, bare, `\A[\w./-]+(?: [\w./-]+)* ?(?:&&|;) ?tail -f /dev/null\z`},
	{commandInjection, 10, inAll, bare, word + separator + folder + fetchers + ` +(?:-|/|\$|https?:|ftp:|\d+\.\d+|[\w-]+\.\w)`},
	{commandInjection, 10, inAll, bare, word + separator + folder + shells + ` +(?:-[a-z]|/c|/dev/|\d|[\w.-]+ \d|<|"?\$|s_client)`},
	{commandInjection, 9, inAll, bare, word + separator + `(?:/usr)?/bin/\w+`},
	{commandInjection, 9, inAll, bare, word + separator + folder + tellers + closing},
	{commandInjection, 10, inAll, bare, `\A[^\s="` + "`" + `]*(?:\$\(|` + "`" + `|<\() ?` + folder + `` + tellers + `(?: ?[>|;&][^)` + "`" + `]*)?[)` + "`" + `]`},
	{commandInjection, 10, inAll, bare, `\A[^\s="` + "`" + `]*(?:\$\(|` + "`" + `|<\() ?` + folder + `` + shorts + `(?: ?[>|;&][^)` + "`" + `]*)?[)` + "`" + `]`},
	{commandInjection, 10, inAll, bare, `\A[^\s="]*(?:\$\(|<\() ?` + folder + `(?:` + viewers + `|` + fetchers + `|` + shells + `) [^)` + "`" + `]+[)` + "`" + `]`},
	{commandInjection, 10, inURL, bare, `\A[^\s="]*` + "`" + ` ?` + folder + `(?:` + viewers + `|` + fetchers + `|` + shells + `) [^)` + "`" + `]+[)` + "`" + `]`},
	{commandInjection, 8, inURL | notSearch, bare, `\A[^\s"]*(?:\$\(|` + "`" + `) ?(?:` + tellers + `|` + shorts + `)(?: ?[>|;&][^)` + "`" + `]*)?[)` + "`" + `]`},
	{commandInjection, 8, inAll, bare, `\A[^\s="` + "`" + `]+` + "`" + ` ?(?:echo|` + fetchers + `|` + shells + `|ping|sleep) [^` + "`" + `]*` + "`" + ``},
	{commandInjection, 8, inBody | notSearch, decoded, `\A(?:cat|head|less|more|tac|nl|tail) +[/\\]+` + known},
	{commandInjection, 8, inAll, bare, `\A[\w.]*['")]* ?[;|&]+ ?` + "`" + ` ?(?:` + tellers + `|` + shorts + `) ?` + "`" + ``},
	{commandInjection, 8, inRaw, bare, `>[;|&]? ?(?:\$\(|` + "`" + `)(?:whoami|id|uname|ifconfig|ipconfig|hostname|pwd|ls|` + fetchers + `|` + viewers + `|` + shells + `|ping|sleep|echo)[ )` + "`" + `]`},
	{commandInjection, 6, inTarget | asCommand, bare, `\A(?:` + tellers + `|` + shorts + `|(?:` + viewers + `|` + fetchers + `|` + shells + `|ping|sleep|echo) +\S.*)\z`},
	{commandInjection, 7, inAll, bare, `\A(?:\w*['")]+ ?|[\d.]* ?|[\w/.-]*[/.][\w/.-]* ?|\S+ )` + and + shorts + closing},
	{commandInjection, 3, inAll, bare, word + and + shorts + closing},
	{commandInjection, 8, inAll, bare, word + separator + `(?:ping|nslookup|dig|host|traceroute|tracert) +(?:[-/]\w+ +\d* *)*(?:[\w$({` + "`" + `-]+[.)}` + "`" + `]|\d|localhost)`},
	{commandInjection, 9, inAll, bare, word + separator + `(?:sleep +\d|timeout +/?t? ?\d|rm +-[rf]|chmod +[+0-7]|chown +|mkfifo +/|touch +/|kill +-|echo +\S+.*(?:\||>|` + closing + `)|crontab +-|useradd +|passwd +|set +/|system\()`},
	{commandInjection, 4, inAll, bare, word + separator + `(?:printf +|export +\w+=|for +\w+ +in |while +|if +\[|exec +|eval +)`},
	{commandInjection, 10, inAll, decoded, `[\w/|;&(` + "`" + `]\$(?:\{ifs[^}]*\}|ifs(?:\$\d)?)[\w/$-]`},
	{commandInjection, 9, inAll, decoded, `(?:\A|[;|&(` + "`" + `])\{(?:cat|ls|wget|curl|nc|bash|sh|echo|id|ping|sleep),[^ }]+\}`},
	{commandInjection, 8, inAll, bare, `/dev/(?:tcp|udp)/[\w.$-]+/\d`},
	{commandInjection, 8, inURL, bare, `(?:\A|[ ;|&` + "`" + `(])/[\w?*\[\]]*[?*][\w?*\[\]]*/[\w?*\[\]]*[?*\w]+(?: +/\S+|\z)`},
	{commandInjection, 8, inURL, bare, few + `(?:base64 +(?:-d|--decode)|xxd +-r|curl +\S.*|wget +\S.*) ?\| ?(?:\S*/)?(?:ba|z|da|k)?sh\b`},
	{commandInjection, 8, inAll, decoded, `\A ?[=+@-]+ ?(?:cmd|powershell|mshta|rundll32|dde|msexcel)\|`},
	{commandInjection, 8, inURL, bare, `\A\W?(?:cd|rm|wget|curl|busybox|chmod|tftp|sh|cat|ls|echo|ping|kill|id|mkdir) [^\n]*[;|&]+ ?(?:wget|curl|tftp|busybox|sh|bash|chmod|nc|rm|\./\w|cat) `},
	{commandInjection, 6, inURL | notSearch, bare, `\A(?:/usr)?(?:/s?bin/)(?:ba|z|da|k|c)?(?:sh|cat|nc|id|wget|curl|ls|uname|ping)(?: |\z)`},
	{commandInjection, 6, inURL | notSearch, bare, `\A(?:cat +/\S+|ls +-\w+ +/\S*|uname +-a|whoami|id|ifconfig|wget +(?:https?|ftp)://\S+|curl +(?:-\w+ +)*https?://\S+|nc +-\S+.*|bash +-[ci] .*|cmd(?:\.exe)? */c .*|powershell +-\w+ .*|ping +-[cn] +\d+ .*|net +user.*|type +[a-z]:\\.*)\z`},

	{commandInjection, 8, inAll, bare, `\b(?:nc|ncat|netcat)(?:\.\w+)? [^;|&]*-[ec] ?(?:/\w+/)*(?:ba|z|da)?(?:sh|cmd)\b`},
	{commandInjection, 8, inAll, bare, `\A[\w.-]+['")]* ?[;|&]+ ?` + shorts + ` ?> ?[\w/.-]+`},
	{commandInjection, 8, inTarget | notSearch, bare, `\A[^"` + "`" + `]*/[^"` + "`" + `]*[\['"(=]` + "`" + ` ?(?:sleep|ping|curl|wget|id|nslookup|bash|sh)\b[^` + "`" + `]*` + "`" + ``},

	// () { :;}; is how functions come in the environment of a shell.
	{commandInjection, 10, inAll, spaced, `\A ?\(\) ?\{[^}]*\} ?(?:;|>_\[)`},
	{commandInjection, 10, inHeader, spaced, `\A ?\(\) ?\{`},
}

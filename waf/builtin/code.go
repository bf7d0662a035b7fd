package builtin

// Parts of patterns of code.
const (
	phpCalls = `(?:system|exec|passthru|shell_exec|popen|proc_open|pcntl_exec|assert|eval|phpinfo|file_put_contents|fwrite|call_user_func(?:_array)?|create_function|base64_decode|gzinflate|str_rot13|readfile|show_source|highlight_file|file_get_contents|include|require|move_uploaded_file|print_r|var_dump|die|md5|getallheaders)`
	phpInput = `\$_(?:get|post|request|cookie|server|files)`
	template = `(?:\{\{|\{%|\$\{|#\{|<%[= -]|\*\{|@\{|\{php\}|~\{)`
	dunder   = `__(?:class|mro|base|bases|subclasses|globals|builtins|import|init|getattribute|getitem|code|func|self|dict|reduce)__`
	python   = `(?:os\.(?:system|popen|execl?)|subprocess\.(?:popen|call|run|check_output|getoutput)) ?\(`
	probe    = `(?:` + quote + `?[\d.]+` + quote + `? ?[*+/-] ?` + quote + `?[\d.]+` + quote + `?)`
)

var codeSigns = []sign{
	{codeInjection, 10, inURL, spaced, `<\?(?:php|=)?[ (]?.*` + phpCalls + `[ (/@"'` + "`" + `]`},
	{codeInjection, 8, inURL | notSearch, spaced, `<\?(?:php\b|=)`},
	{codeInjection, 10, inBody | inRaw, spaced, `\A ?(?:gif8\d\w?;? ?)?<\?(?:php|=)? ?@?(?:` + phpCalls + `) ?\(? ?(?:@?` + phpInput + `|` + quote + `|base64_decode|getallheaders|\))`},
	{codeInjection, 10, inBody | inRaw, spaced, `\A ?<\?(?:php|=)? ?[^?]*(?:eval|assert|system|passthru|shell_exec|exec|popen) ?\( ?@?` + phpInput + `\[`},
	{codeInjection, 10, inRaw | inProse, spaced, `<\?(?:php|=)? ?@?(?:eval|assert|system|passthru|shell_exec|exec|popen|include) ?\( ?@?` + phpInput + `\[`},
	{codeInjection, 8, inURL, spaced, few + `(?:[;{}("'` + "`" + `]|\$\{)@?\$?\{?@?(?:system|exec|passthru|shell_exec|popen|proc_open|pcntl_exec|assert|eval|phpinfo|file_put_contents|call_user_func(?:_array)?|create_function) ?\(.*\)`},
	{codeInjection, 8, inURL, spaced, `\A@?(?:system|exec|passthru|shell_exec|popen|proc_open|pcntl_exec|assert|eval|phpinfo|file_put_contents|call_user_func(?:_array)?|create_function) ?\((?:[^)]+\)|.*\) ?;)`},
	{codeInjection, 8, inBody, spaced, `\A[\w.]*(?:['");}]+ ?;? ?|\$\{ ?@?|\{\$\{)(?:print ?\(?)?@?(?:system|exec|passthru|shell_exec|popen|assert|eval|phpinfo|file_put_contents) ?\(.*\)`},
	{codeInjection, 8, inBody, spaced, `\A ?@?(?:phpinfo ?\( ?\)|(?:eval|assert|system|passthru|shell_exec|exec) ?\( ?(?:` + quote + `(?:id|whoami|cat|uname|wget|curl|ls|nc|bash|sh|echo|net|dir|/bin)\b|base64_decode|@?` + phpInput + `).*\)) ?;? ?\z`},
	{codeInjection, 8, inURL | inBody, spaced, few + `(?:require ?\( ?\\?` + quote + `(?:node:)?child_process\\?` + quote + ` ?\) ?\.(?:exec|spawn|fork)|process\.(?:mainmodule|binding)|global\.process|\.execsync ?\(|spawnsync ?\()`},
	{codeInjection, 8, inURL | notSearch, spaced, few + `require ?\( ?\\?` + quote + `(?:node:)?(?:child_process|fs|os|net|vm)\\?` + quote},
	{codeInjection, 3, inBody, spaced, few + `require ?\( ?` + quote + `(?:node:)?(?:child_process|vm)` + quote},
	{codeInjection, 8, inURL | inBody, spaced, `__import__ ?\( ?` + quote + `(?:os|subprocess|pty|socket|builtins|commands)` + quote},
	{codeInjection, 8, inURL | inBody | notSearch, spaced, few + `(?:os\.(?:system|popen)|subprocess\.\w+|system) ?\( ?` + quote + `(?:id|whoami|uname|curl|wget|cat|ls|nc|bash|sh)\b`},
	{codeInjection, 8, inURL | inBody, spaced, few + `(?:pty\.spawn|eval ?\( ?compile|exec ?\( ?` + quote + `import)`},
	{codeInjection, 6, inURL | inBody, spaced, `(?:\([^()]+\^[^()]+\)[.^]?){2,}`},
	{codeInjection, 8, inURL | notSearch, spaced, few + python},
	{codeInjection, 4, inBody, spaced, few + python},
	{codeInjection, 10, inURL | inBody, spaced, few + `(?:getruntime ?\( ?\) ?\.? ?exec|\bt ?\( ?java\.|java\.lang\.(?:runtime|processbuilder)\b|new java\.(?:lang|net|io|util)\.|javax\.script\.scriptenginemanager|class\.forname ?\(|ognl\.\w+context|@java\.lang\.\w+@|#_?memberaccess|#context\b|xwork\.methodaccessor|com\.opensymphony\.xwork2|groovy\.(?:lang|util)\.|` + quote + `\.execute ?\( ?\))`},
	{codeInjection, 10, inHeader | inTarget, spaced, `[%$]\{ ?\( ?#\w|\( ?#_? ?=|(?:redirect|action|redirectaction): ?[%$]\{`},
	{codeInjection, 6, inHeader, spaced, `\A ?[%$]\{.*\}`},
	{codeInjection, 6, inURL | inBody, spaced, few + `(?:system\.diagnostics\.process|process\.start ?\(|reflection\.assembly|activator\.createinstance|kernel\.(?:exec|system|open)|io\.popen|%x[({\[]|open3\.|` + quote + ` ?\+ ?system ?\()`},
	{codeInjection, 10, inAll, spaced, `<!--#(?:exec|include|echo|printenv|config|set) `},
	{codeInjection, 8, inAll, spaced, `(?:=|\A)[\w.]*(?:\$1|\$\d|\$@|:|\.)(?:__proto__|constructor):?(?:\.?constructor|:then|:constructor|\[|\.)`},
	{codeInjection, 10, inAll, spaced, `[:.\[]["']?(?:__proto__["'\]]*[:.\[]|constructor["'\]]*[:.\[]["']?(?:constructor|prototype)\b)`},

	// URLs of databases that run code when somebody connects.
	{codeInjection, 10, inAll, spaced, `\A\S*?(?:jdbc|h2|zip|mem|tcp|file|~|/)[^ ]*;.*(?:init ?= ?(?:runscript|create (?:alias|trigger))|create (?:trigger|alias) )`},
	{codeInjection, 8, inAll, spaced, `\Ajdbc:\S*[?&;](?:autodeserialize|allowloadlocalinfile|allowurlinlocalinfile|socketfactoryarg|sslfactoryarg|loggerfile|jndi)=`},
	{codeInjection, 6, inBody | notSearch, spaced, `(?:\A|[;{}(=] ?)@?(?:os\.)?(?:system|exec|passthru|shell_exec|popen) ?\( ?` + quote + `(?:id|whoami|cat|uname|wget|curl|nc|bash|sh|/bin/\w+)(?: |` + quote + `)`},
	{codeInjection, 6, inBody, spaced, `(?:exception|echo|print|die) ?\(? ?` + "`" + `(?:id|whoami|cat|uname|wget|curl|ls|nc|bash|sh)\b[^` + "`" + `]*` + "`" + ` ?[);]`},
	{codeInjection, 6, inBody, spaced, `class\.forname ?\( ?` + quote + `java\.lang\.(?:runtime|processbuilder|thread|reflect)`},
	{codeInjection, 10, inBody, spaced, `\As:\d+:"<\?(?:php|=)`},
	{codeInjection, 10, inName, decoded, `['")][. +]*(?:system|exec|passthru|shell_exec|phpinfo|eval|assert|popen) ?\(`},
	{codeInjection, 8, inRaw, spaced, `@asttest ?\(`},

	{codeInjection, 6, inURL | inBody, decoded, `\A[\w.@-]+\x00[ -~\s]*[=(;\]][ -~\s]*\z`},
	{codeInjection, 6, inTarget, decoded, `\A\\?(?:call_user_func(?:_array)?|shell_exec|passthru|proc_open|create_function|file_put_contents)\z`},
	{codeInjection, 6, inTarget | inBody | asPath, decoded, `\A\\?(?:call_user_func(?:_array)?|shell_exec|passthru|proc_open|create_function|file_put_contents|wp_(?:insert|update)_user|wp_set_password)\z`},
	{codeInjection, 8, inTarget, decoded, `\\think\\(?:app|template|request|container|view|module)`},
	{codeInjection, 8, inURL, spaced, `\$\{ ?@ ?\w+ ?\(`},
	{codeInjection, 10, inURL | inRaw | inProse, spaced, `<%[@=! ]?.*(?:getruntime ?\(|processbuilder|request\.getparameter ?\(.*exec|eval ?\(? ?request|execute ?\(? ?request|system\.diagnostics\.process|process\.start ?\(|request\.item)`},
	{codeInjection, 8, inURL | inBody | inRaw, spaced, `<esi:(?:include|vars|inline|eval|remove)`},
	{codeInjection, 10, inName, decoded, `\[#(?:post_render|pre_render|lazy_builder|access_callback|value_callback|process|type|markup)\]`},
	{codeInjection, 8, inName, decoded, `__(?:class|reduce(?:_ex)?|globals|builtins|import|subclasses|unhandled_exc)__`},
	{codeInjection, 10, inRaw, spaced, `exec ?\( ?java\.lang\.runtime|getruntime ?\( ?\) ?\. ?exec`},
	{codeInjection, 8, inAll, decoded, `\\(?:input|include|lstinputlisting)\{ ?/(?:etc|proc|home|root|var)|\\write18\b`},
	{codeInjection, 10, inName, decoded, `class[^\w]+(?:module[^\w]+)?classloader`},
	{prototypePollution, 10, inName, decoded, `__proto__|constructor[.\[\]]+prototype`},

	{templateInjection, 8, inURL, spaced, `\$\{(?:script|dns|url|java|const|xml|file|properties|resourcebundle):[^}]+`},
	{templateInjection, 8, inBody, spaced, few + `\$\{(?:script|dns|url):[^}]+`},
	{templateInjection, 10, inURL, spaced, `(?:%\{|\{\{|\$\{|#\{|\*\{|@\(|<%=|\{%|\[\[|~\{|\{)=? ?` + probe + ` ?(?:\}\}|\}|\)|%>|%\}|\]\])`},
	{templateInjection, 10, inBody, spaced, `\A[\w.@'"-]*(?:\{\{|\$\{|#\{|\*\{|@\(|<%=|\[\[)=? ?` + probe + ` ?(?:\}\}|\}|\)|%>|\]\])[\w.@'"-]*\z`},
	{templateInjection, 10, inAll, spaced, few + template + `.*` + dunder},
	{templateInjection, 6, inURL | notSearch, spaced, few + `(?:` + quote + quote + `|\)|\]|\w)\.` + dunder + `[^ ]*__(?:mro|bases?|subclasses|globals|builtins|import|dict|init)__`},
	{templateInjection, 10, inAll, spaced, few + template + `.*\|? ?attr ?\( ?` + quote + `(?:\\x5f|_)`},
	{templateInjection, 8, inURL, spaced, `\{\{ ?-? ?(?:config|self|request|settings|app|dump|_self|lipsum|cycler|joiner|namespace|url_for|get_flashed_messages|range|this|constructor|\$)(?:[.\[|(][^}]*)? ?\}\}`},
	{templateInjection, 8, inAll, spaced, few + template + `(?:[^}]|\}(?:[^ ,;` + "`" + `]|\s*\{\{))*(?:_self\.env|registerundefinedfiltercallback|\| ?(?:filter|map|sort|reduce|join) ?\( ?` + quote + `(?:system|exec|passthru|shell_exec|phpinfo)|getruntime|java\.lang|\.getclass ?\(|forname ?\(|constructor ?\.? ?constructor|\.constructor ?\( ?` + quote + `|require ?\(|child_process|process\.(?:mainmodule|binding)|import os|system ?\(|popen ?\(|file\.(?:open|read)|io\.(?:popen|read)|exec ?\(|read_file|t\(java|\bnew java|freemarker\.template|\?new ?\( ?\)|\?api\b|lookup ?\(? ?(?:string|this)|range\.constructor|debug ?%\}|load_?file|phpinfo|(?:application|session|request)scope|facescontext|pagecontext|servletcontext|classloader)`},
	{templateInjection, 8, inAll, spaced, few + `(?:<#assign .*(?:\?new|execute)|freemarker\.template\.utility\.|\?new ?\( ?\)|#set ?\( ?\$\w+ ?=.*(?:class|runtime|exec|\$\w+ ?\*|\d+ ?\* ?\d+))`},
	{templateInjection, 8, inAll, spaced, few + `(?:\$\w+\.(?:class\.|getclass)|\$class\.inspect|__\$\{.*\}__|\$\{t ?\(|\{(?:php|literal)\}|\{(?:if )?(?:system|passthru|exec|phpinfo) ?\(|\{\$?smarty|\$smarty\.(?:version|template)|smarty_internal_write_file)`},
	{templateInjection, 8, inAll, spaced, few + `(?:<%= ?(?:system|` + "`" + `|io\.|file\.|exec|dir\.|kernel|7)|<%- ?global|mako\.|tornado\.|\{% ?(?:import|debug|include ?['"]/etc))`},
	{templateInjection, 6, inURL, spaced, `\{\{ ?` + quote + `[^}]*` + quote + ` ?\.\w+ ?\(`},
	{templateInjection, 3, inURL, spaced, `\{\{.*\}\}|\$\{.*\}|<%.*%>|\{%.*%\}`},
}

# Shared by the scripts of this folder; read with `source`, after `set -euo pipefail`.
# shellcheck shell=bash disable=SC2034

# Everything that is fetched once and kept: servers, jars, the real Debezium.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/remora

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

note() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# The comment at the head of the calling script, as its help.
usage() {
    awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0" >&2
    exit 2
}

# need COMMAND PACKAGE: stops with the way to get the command where it is missing.
need() {
    command -v "$1" >/dev/null || die "needs '$1', which is not installed: apt-get install $2"
}

# need_java COMMAND PACKAGE: java or javac, 17 or later.
need_java() {
    need "$1" "$2"
    local version
    version=$("$1" -version 2>&1 | sed -n 's/^[^0-9]*\([0-9][0-9]*\).*/\1/p' | head -n 1)
    [ "${version:-0}" -ge 17 ] || die "needs $1 17 or later, found ${version:-none}: apt-get install $2"
}

# quietly LOG COMMAND...: shows what the command printed only where it fails. A fetch that hangs fails too, at last.
quietly() {
    local log=$1
    shift
    timeout --kill-after=10 1200 "$@" >"$log" 2>&1 </dev/null || {
        tail -n 30 "$log" >&2
        die "failed: $1 (above: the end of its output)"
    }
}

# cached NAME FILL: sets `cached` to a folder of the cache. Where it is not there yet, FILL writes it: a
# function that gets the path of an empty folder. Scripts that start at once wait for the first of them, and
# a fetch that was cut short leaves nothing that looks complete. Call it as a plain command: inside an `if`
# or `||` the shell would not stop at a failure within FILL.
cached() {
    local name=$1 fill=$2
    cached=$cache/$name
    [ -e "$cached/.complete" ] && return
    need flock util-linux
    mkdir -p "$cache"
    exec 9>"$cache/$name.lock"
    flock 9
    if [ ! -e "$cached/.complete" ]; then
        note "fetching $name, once, into $cache"
        rm -rf "$cached" "$cached.new"
        mkdir "$cached.new"
        "$fill" "$cached.new"
        touch "$cached.new/.complete"
        mv "$cached.new" "$cached"
    fi
    exec 9>&-
}

# maven_jars FOLDER GROUP:ARTIFACT:VERSION...: the artifacts' jars and those of all that they need at run time.
maven_jars() {
    local folder=$1 coordinate group artifact version
    shift
    need mvn maven
    need_java java openjdk-17-jre-headless
    {
        echo '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        echo '<groupId>remora</groupId><artifactId>jars</artifactId><version>1</version><dependencies>'
        for coordinate in "$@"; do
            IFS=: read -r group artifact version <<<"$coordinate"
            echo "<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$version</version></dependency>"
        done
        echo '</dependencies></project>'
    } >"$folder/pom.xml"
    quietly "$folder/fetch.log" mvn -B -f "$folder/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$folder"
}

# Kafka and Connect log through SLF4J 1.7 and Log4j 2, and bring no binding between the two.
log4j_binding=org.apache.logging.log4j:log4j-slf4j-impl:2.24.3

# Log4j's settings for a server that logs to its standard output.
log4j_properties() {
    cat <<'PROPERTIES'
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5p %c{1}: %m%n
PROPERTIES
}

# debian_unpack SUITE FOLDER PACKAGE...: a Debian suite's packages and all that they need, unpacked into
# FOLDER/root. Nothing is installed. The mirror and its keys are those that apt uses on this machine.
debian_unpack() {
    local suite=$1 folder=$2 apt=$2/apt package options
    shift 2
    need apt-get apt
    need dpkg-deb dpkg
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$folder/root"
    debian_source "$suite" >"$apt/suite.sources"
    : >"$apt/status"
    options=(
        -o Dir::Etc::SourceList="$apt/suite.sources" -o Dir::Etc::SourceParts=/dev/null
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
        -o Dir::State="$apt" -o Dir::State::Lists="$apt/lists" -o Dir::State::status="$apt/status"
        -o Dir::Cache="$apt" -o Dir::Cache::Archives="$apt/archives"
        -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=3
    )
    quietly "$folder/fetch.log" apt-get "${options[@]}" -q update
    quietly "$folder/fetch.log" apt-get "${options[@]}" -q -y --no-install-recommends --download-only install "$@"
    for package in "$apt"/archives/*.deb; do
        dpkg-deb -x "$package" "$folder/root"
    done
    rm -rf "$apt"
}

# The first source of this machine's apt that is Debian's main archive, with another suite.
debian_source() {
    local suite=$1 file found
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -r "$file" ] || continue
        found=$(awk -v suite="$suite" 'BEGIN { RS = ""; FS = "\n" }
            /(^|\n)Types:[^\n]*deb/ && /(^|\n)URIs:[^\n]*\/debian\/?[ \n]/ {
                for (i = 1; i <= NF; i++) {
                    if ($i ~ /^(Suites|Components|Enabled):/) continue
                    if ($i !~ /^#/) print $i
                }
                print "Suites: " suite "\nComponents: main"
                exit
            }' "$file")
        [ -z "$found" ] || { printf '%s\n' "$found"; return; }
    done
    if [ -r /etc/apt/sources.list ]; then
        found=$(sed -nE "s#^deb( \[[^]]*\])? ([^ ]+/debian/?) .*#Types: deb\nURIs: \2\nSuites: $suite\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg#p" \
            /etc/apt/sources.list | head -n 5)
        [ -z "$found" ] || { printf '%s\n' "$found"; return; }
    fi
    die "needs the apt sources of a Debian system, to unpack packages of its suite $suite"
}

# free_port: a TCP port of 127.0.0.1 where nobody listens, the next one free too (a broker takes both). It lies
# below the range from which the system takes ports for outgoing connections, which could seize it meanwhile.
free_port() {
    local port
    while :; do
        port=$((12000 + RANDOM % 9000 * 2))
        if ! listens "$port" && ! listens $((port + 1)); then
            echo "$port"
            return
        fi
    done
}

listens() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# wait_for SECONDS WHAT COMMAND...: runs the command until it succeeds; fails after the deadline.
wait_for() {
    local deadline=$((SECONDS + $1)) seconds=$1 what=$2
    shift 2
    until "$@"; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            note "waited $seconds s in vain for $what"
            return 1
        fi
        sleep 0.1
    done
}

# launch DIR COMMAND...: starts a server in the background, its output in DIR/log (that of the start before in
# DIR/log.before), its process in DIR/pid.
launch() {
    local dir=$1
    shift
    [ ! -e "$dir/log" ] || mv "$dir/log" "$dir/log.before"
    nohup "$@" >"$dir/log" 2>&1 </dev/null &
    echo $! >"$dir/pid"
}

# await_server DIR SECONDS COMMAND...: waits until the server that `launch` started makes the command succeed;
# where it ends before that, or the deadline passes, shows the end of its log and stops.
await_server() {
    local dir=$1 deadline=$((SECONDS + $2)) seconds=$2 pid
    pid=$(cat "$dir/pid")
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ! kill -0 "$pid" 2>/dev/null; then
            tail -n 30 "$dir/log" >&2
            die "the server ended while it started (above: the end of $dir/log)"
        fi
        if [ "$SECONDS" -ge "$deadline" ]; then
            tail -n 30 "$dir/log" >&2
            die "the server was not ready within $seconds s (above: the end of $dir/log)"
        fi
        sleep 0.05
    done
}

# running DIR: whether the process of DIR/pid is still the server that was started in DIR. A process id may have gone to
# somebody else since: only one whose command line names the folder is ours. A killed process has no command line any
# more while the system takes its memory and files back; it is gone once nothing is left of it but its exit status.
running() {
    local pid command tasks
    pid=$(cat "$1/pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ -d "/proc/$pid" ] || return 1
    command=$({ tr '\0' '\n' <"/proc/$pid/cmdline"; } 2>/dev/null) || return 1
    if [ -n "$command" ]; then
        grep -qF -- "$1/" <<<"$command"
        return
    fi
    tasks=("/proc/$pid/task"/*)
    ! { grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null && [ ${#tasks[@]} -le 1 ]; } && [ -d "/proc/$pid" ]
}

# absolute PATH: makes the folder and prints its path from the root.
absolute() {
    mkdir -p "$1"
    (cd "$1" && pwd)
}

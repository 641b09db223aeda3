// The page "Backup" of the dashboard: how the backup is, what can be restored, and
// how restores went that were tried, from GET /api/backup/….

const refreshEvery = 10_000;
const drillEvery = 2_000;
const rangesEvery = 60_000;

const style = document.createElement("link");
style.rel = "stylesheet";
style.href = app.pb.buildURL("/_/extensions/backup/style.css");
document.head.append(style);

app.store.headerLinks.push({ href: "#/backup", icon: "ri-shield-check-line", label: "Backup" });
app.routes.superuserOnly("#/backup", page);

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const count = (n) => number.format(n);

function bytes(n) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let i = 0;
    for (; n >= 1024 && i < units.length - 1; i++) {
        n /= 1024;
    }
    return number.format(n) + " " + units[i];
}

function duration(s) {
    for (const [unit, size] of [["days", 86400], ["h", 3600], ["min", 60]]) {
        if (s >= 2 * size) {
            return `${number.format(s / size)} ${unit}`;
        }
    }
    return number.format(s) + " s";
}

// Times are in UTC and to the second, as the commands want them.
function moment(at) {
    const date = new Date(at);
    return date.getTime() > 0 ? date.toISOString().slice(0, 19).replace("T", " ") + "Z" : "never";
}

function page() {
    app.store.title = "Backup";
    const data = store({ status: null, ranges: null, rangesError: "", error: "", note: "" });
    let timer;
    let rangesAt = 0;
    let gone = false;
    let wanted = false; // a drill was asked for here
    let newest = 0; // when the last drill before it was

    async function loadStatus() {
        try {
            data.status = await app.pb.send("/api/backup/status", { requestKey: null });
            data.error = "";
            if (wanted && !data.status.drilling) {
                const results = data.status.drills.filter((d) => Date.parse(d.at) > newest);
                wanted = false;
                data.note = !results.length
                    ? "The drill ended early."
                    : results.every((d) => d.ok)
                    ? "The drill is over: the backup is whole."
                    : "The drill is over: it failed.";
            }
        } catch (err) {
            data.error = err?.message || "The server does not answer.";
        }
    }

    async function loadRanges() {
        rangesAt = Date.now();
        try {
            const answer = await app.pb.send("/api/backup/ranges", { requestKey: null });
            data.ranges = answer.ranges;
            data.rangesError = answer.error || "";
        } catch (err) {
            data.rangesError = err?.message || "The server does not answer.";
        }
    }

    async function refresh() {
        if (gone) {
            return;
        }
        if (!document.hidden || !data.status) {
            await loadStatus();
            if (data.status && !data.status.setup && Date.now() - rangesAt > rangesEvery) {
                loadRanges(); // a target that does not answer must not hold the rest up
            }
        }
        timer = gone ? undefined : setTimeout(refresh, data.status?.drilling ? drillEvery : refreshEvery);
    }

    async function drill() {
        data.note = "The drill has begun.";
        newest = Date.parse(data.status.drills[0]?.at) || 0;
        try {
            await app.pb.send("/api/backup/drill", { method: "POST", requestKey: null });
            wanted = true;
        } catch (err) {
            data.note = err?.message || "The server does not answer.";
        }
        clearTimeout(timer);
        refresh();
    }

    return t.div(
        {
            className: "page holdall-backup",
            onmount: () => refresh(),
            onunmount: () => {
                gone = true;
                clearTimeout(timer);
            },
        },
        t.div(
            { className: "page-content full-height" },
            t.header(
                { className: "page-header" },
                t.nav({ className: "breadcrumbs" }, t.div({ className: "breadcrumb-item" }, "Backup")),
            ),
            () => data.error ? t.div({ className: "alert danger m-b-base", role: "alert" }, data.error) : null,
            () => {
                if (!data.status) {
                    return data.error ? null : t.span({ className: "loader lg" });
                }
                return data.status.setup ? unconfigured(data.status) : null;
            },
            () => data.status && !data.status.setup
                ? t.div(
                    { className: "wrapper lg m-b-base" },
                    () => verdict(data.status),
                    section("Targets", () => targets(data.status)),
                    section("What can be restored", () => ranges(data)),
                    section(
                        "Drills",
                        t.p(
                            null,
                            "A drill restores the newest state to a scratch directory, checks the databases and compares files. ",
                            () => nextDrill(data.status),
                        ),
                        t.div(
                            { className: "backup-drill" },
                            t.button(
                                {
                                    type: "button",
                                    className: "btn",
                                    disabled: () => data.status.drilling || data.status.locked,
                                    onclick: drill,
                                },
                                () => data.status.drilling ? "A drill runs…" : "Run a drill now",
                            ),
                            t.span({ role: "status" }, () => data.note),
                        ),
                        () => drills(data.status.drills),
                    ),
                )
                : null,
            t.footer({ className: "page-footer" }, app.components.credits()),
        ),
    );
}

function section(title, ...body) {
    return t.section({ className: "m-t-base" }, t.h2({ className: "backup-title" }, title), ...body);
}

function empty(text) {
    return t.p({ className: "txt-hint backup-empty" }, text);
}

function unconfigured(status) {
    return t.div(
        { className: "wrapper lg m-b-base" },
        t.h2({ className: "backup-title" }, "Nothing is backed up"),
        t.p(null, "If this machine is lost, so is the data. A backup copies databases and files to another place all the time, about a second behind."),
        t.p(null, status.setup),
    );
}

function verdict(status) {
    if (status.problems.length) {
        return t.div(
            { className: "alert danger", role: "alert" },
            t.ul({ className: "backup-problems" }, ...status.problems.map((p) => t.li(null, p))),
        );
    }
    const lags = status.targets.flatMap((target) => target.databases.map((d) => d.lagSeconds));
    if (!lags.length || lags.includes(-1)) {
        return t.div({ className: "alert info" }, "The first copy is being made.");
    }
    let text = `At most ${duration(Math.max(...lags))} behind.`;
    if (status.waits) {
        text += " Answers to writes wait until the change is copied.";
    }
    return t.div({ className: "alert success" }, text);
}

function targets(status) {
    return t.div(null, ...status.targets.map((target) =>
        t.div(
            { className: "backup-target" },
            t.h3(
                null,
                target.name === "s3" ? "S3" : "Directory",
                " ",
                t.code(null, target.place),
                t.span({ className: "txt-hint" }, target.encrypted ? " encrypted" : " not encrypted"),
            ),
            table(
                `Copies in ${target.name}`,
                ["What", "Behind", "Copied until (UTC)", "Generation", "Waits here", "Error"],
                [
                    ...target.databases.map((d) => [
                        d.name,
                        d.lagSeconds < 0 ? "never copied" : duration(d.lagSeconds),
                        moment(d.caughtUp),
                        d.generation ? t.code(null, d.generation) : "–",
                        d.pending ? `${count(d.pending)} pieces, ${bytes(d.pendingBytes)}` : "nothing",
                        d.error ? `${d.error}${d.since ? ` (since ${moment(d.since)})` : ""}` : "–",
                    ]),
                    ...(target.files
                        ? [[
                            `${count(target.files.files)} files, ${bytes(target.files.bytes)}`,
                            "–",
                            moment(target.files.checkedAt),
                            "–",
                            "–",
                            target.files.error || "–",
                        ]]
                        : []),
                ],
            ),
        )
    ));
}

function ranges(data) {
    const { preciseSeconds, retentionSeconds } = data.status;
    return t.div(
        null,
        t.p(
            null,
            `Each moment of the last ${duration(preciseSeconds)} and each minute of the last ${duration(retentionSeconds)}, as far as these are below. The command `,
            t.code(null, "restore --to '…' --dry-run"),
            " shows what would be lost.",
        ),
        data.rangesError ? t.div({ className: "alert danger m-b-sm", role: "alert" }, data.rangesError) : null,
        data.ranges === null
            ? (data.rangesError ? null : t.span({ className: "loader" }))
            : data.ranges.length
            ? table(
                "Times that can be restored",
                ["Target", "Database", "From (UTC)", "To (UTC)", "Size"],
                data.ranges.map((r) => [r.target, r.database, moment(r.from), moment(r.to), bytes(r.bytes)]),
            )
            : data.rangesError
            ? null
            : empty("Nothing yet."),
    );
}

function nextDrill(status) {
    if (status.locked) {
        return "This server encrypts its backup and cannot read it: run the drill where the identity is.";
    }
    return status.nextDrill ? `The next one is due ${moment(status.nextDrill)}.` : "The server does none by itself.";
}

function drills(list) {
    if (!list.length) {
        return empty("No restore has been tried yet.");
    }
    return table(
        "Drills",
        ["When (UTC)", "Target", "Result", "Took", "Rows", "Files compared"],
        list.map((d) => [
            moment(d.at),
            d.target,
            d.ok ? "whole" : t.strong({ className: "backup-failed" }, "FAILED: ", d.error),
            duration(d.seconds),
            count(Object.values(d.rows || {}).reduce((sum, n) => sum + n, 0)),
            `${count(d.compared)} of ${count(d.files)}`,
        ]),
    );
}

function table(label, head, rows) {
    return t.div(
        { className: "backup-table", tabIndex: 0, role: "region", ariaLabel: label },
        t.table(
            { className: "responsive-table" },
            t.thead(null, t.tr(null, ...head.map((h) => t.th({ scope: "col" }, h)))),
            // a narrow window has no room for the head, so each cell says what it is
            t.tbody(null, ...rows.map((cells) => t.tr(null, ...cells.map((c, i) => t.td({ "html-data-label": head[i] }, c))))),
        ),
    );
}

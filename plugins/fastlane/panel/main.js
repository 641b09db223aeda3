// The page "Fast lane" of the dashboard: what it answers, and what it leaves to
// PocketBase and why, from GET /api/fastlane.

const refreshEvery = 10_000;

const style = document.createElement("link");
style.rel = "stylesheet";
style.href = app.pb.buildURL("/_/extensions/fastlane/style.css");
document.head.append(style);

app.store.headerLinks.push({ href: "#/fastlane", icon: "ri-speed-line", label: "Fast lane" });
app.routes.superuserOnly("#/fastlane", page);

const count = (n) => n.toLocaleString("en");

// What requests are called. Others have the name that metrics have.
const names = {
    view: "View of a record",
    list: "List of records",
    create: "Create a record",
    update: "Update a record",
    delete: "Delete a record",
    batch: "Batch",
    file: "File",
    refresh: "Refresh of a token",
};
const nameOf = (action) => names[action] || action;

// percent rounds down, so that 100 % means all.
function percent(part, all) {
    return `${(Math.floor(part / all * 1000) / 10).toLocaleString("en")} %`;
}

const sum = (list, of) => list.reduce((total, item) => total + of(item), 0);
const handedOn = (action) => sum(action.handedOn, (r) => r.requests);
const asked = (action) => action.served + handedOn(action);

function page() {
    app.store.title = "Fast lane";
    const data = store({ report: null, error: "" });
    let timer;

    async function load() {
        try {
            data.report = await app.pb.send("/api/fastlane", { requestKey: null });
            data.error = "";
        } catch (err) {
            data.error = err?.message || "The server does not answer.";
        }
    }

    return t.div(
        {
            className: "page holdall-fastlane",
            onmount: () => {
                load();
                timer = setInterval(() => document.hidden || load(), refreshEvery);
            },
            onunmount: () => clearInterval(timer),
        },
        t.div(
            { className: "page-content full-height" },
            t.header(
                { className: "page-header" },
                t.nav({ className: "breadcrumbs" }, t.div({ className: "breadcrumb-item" }, "Fast lane")),
            ),
            () => data.error ? t.div({ className: "alert danger m-b-base", role: "alert" }, data.error) : null,
            () => data.report ? content(data.report) : data.error ? null : t.span({ className: "loader lg" }),
            t.footer({ className: "page-footer" }, app.components.credits()),
        ),
    );
}

function content(report) {
    const actions = report.actions.filter((action) => asked(action));
    const since = new Date(report.started).toLocaleString();
    if (!actions.length) {
        return t.div(
            { className: "wrapper lg m-b-base" },
            t.p(null, `Nothing has been asked since ${since} that the fast lane could answer.`),
            t.p({ className: "txt-hint" }, "Requests are counted here as soon as clients read or write records, or open files."),
        );
    }
    const served = sum(actions, (action) => action.served);
    const all = sum(actions, asked);
    return t.div(
        { className: "wrapper lg m-b-base" },
        t.p(
            { className: "fastlane-summary" },
            t.strong(null, percent(served, all)),
            ` of ${count(all)} ${all === 1 ? "request" : "requests"} answered by the fast lane since ${since}, ${count(all - served)} left to PocketBase.`,
        ),
        section("What was asked", table(
            "What was asked",
            ["Request", "Asked", "By the lane", "By PocketBase", "Share of the lane"],
            actions.map((action) => [
                nameOf(action.action),
                count(asked(action)),
                count(action.served),
                count(handedOn(action)),
                share(action.served, asked(action)),
            ]),
        )),
        section("Why requests were left to PocketBase", reasons(actions)),
        report.cache ? kept(report.cache, actions) : null,
        t.p(
            null,
            report.front
                ? "Views and lists are answered in front of PocketBase's router."
                : `Requests go through all middlewares before the lane answers them. ${report.because}`,
        ),
        t.p(
            { className: "txt-sm" },
            "The answers are the same, PocketBase's take longer. The command ",
            t.code(null, "fastlane explain"),
            " tells of one request what becomes of it. Counted anew from each start of the program.",
        ),
    );
}

// kept tells of the answers that are kept, which only views and lists are.
function kept(cache, actions) {
    const readers = actions.filter((action) => action.action === "view" || action.action === "list");
    const given = sum(readers, (action) => action.kept);
    const served = sum(readers, (action) => action.served);
    return section(
        "Answers that are kept",
        t.p(
            { className: "fastlane-kept" },
            served ? `${percent(given, served)} of the lane's views and lists, ${count(given)} of ${count(served)}, were answers kept from before. ` : "",
            `Now ${count(cache.answers)} ${cache.answers === 1 ? "answer is" : "answers are"} kept, in ${size(cache.bytes)} of ${size(cache.limit)}. Each write to the database ends them all.`,
        ),
    );
}

function size(bytes) {
    return bytes >= 1 << 20 ? `${(bytes / (1 << 20)).toLocaleString("en", { maximumFractionDigits: 1 })} MiB` : `${count(Math.ceil(bytes / 1024))} KiB`;
}

function reasons(actions) {
    const list = actions
        .flatMap((action) => action.handedOn.map((r) => ({ ...r, action })))
        .sort((a, b) => b.requests - a.requests);
    if (!list.length) {
        return t.p({ className: "txt-hint" }, "None was.");
    }
    return table(
        "Why requests were left to PocketBase",
        ["Reason", "Request", "How often", "Share of these requests"],
        list.map((r) => [
            t.span(null, r.reason, " ", t.code(null, r.code)),
            nameOf(r.action.action),
            count(r.requests),
            share(r.requests, asked(r.action)),
        ]),
    );
}

function section(title, body) {
    return t.section({ className: "m-t-base" }, t.h2({ className: "fastlane-title" }, title), body);
}

// share is a part in words and as a bar, which is a picture of the words.
function share(part, all) {
    return t.div(
        { className: "fastlane-share" },
        t.span({ className: "fastlane-bar", ariaHidden: true }, t.span({ style: `width:${part / all * 100}%` })),
        t.span(null, percent(part, all)),
    );
}

function table(label, head, rows) {
    return t.div(
        { className: "fastlane-table", tabIndex: 0, role: "region", ariaLabel: label },
        t.table(
            { className: "responsive-table" },
            t.thead(null, t.tr(null, ...head.map((h) => t.th({ scope: "col" }, h)))),
            // a narrow window has no room for the head, so each cell says what it is
            t.tbody(null, ...rows.map((cells) => t.tr(null, ...cells.map((c, i) => t.td({ "html-data-label": head[i] }, c))))),
        ),
    );
}

// The page "Doctor" of the dashboard: what is wrong and what to do, from GET /api/doctor.

const style = document.createElement("link");
style.rel = "stylesheet";
style.href = app.pb.buildURL("/_/extensions/doctor/style.css");
document.head.append(style);

app.store.headerLinks.push({ href: "#/doctor", icon: "ri-stethoscope-line", label: "Doctor" });
app.routes.superuserOnly("#/doctor", page);

const severities = [["error", "Error"], ["warning", "Warning"], ["note", "Note"]];

const plural = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

function page() {
    app.store.title = "Doctor";
    const data = store({ report: null, error: "", busy: false });

    async function examine() {
        if (data.busy) {
            return;
        }
        data.busy = true;
        data.error = "";
        try {
            data.report = await app.pb.send("/api/doctor", { requestKey: null });
        } catch (err) {
            data.error = err?.message || "The server does not answer.";
        }
        data.busy = false;
    }

    return t.div(
        { className: "page holdall-doctor", onmount: examine },
        t.div(
            { className: "page-content full-height" },
            t.header(
                { className: "page-header" },
                t.nav({ className: "breadcrumbs" }, t.div({ className: "breadcrumb-item" }, "Doctor")),
                t.div(
                    { className: "m-l-auto" },
                    t.button(
                        {
                            type: "button",
                            className: () => `btn outline ${data.busy ? "loading" : ""}`,
                            disabled: () => data.busy,
                            onclick: examine,
                        },
                        t.span(null, "Look again"),
                    ),
                ),
            ),
            t.div(
                { className: "wrapper lg m-b-base" },
                t.p({ role: "status", className: "doctor-summary" }, () => summary(data)),
                () => data.error ? t.div({ className: "alert danger m-b-base", role: "alert" }, data.error) : null,
                () => data.report ? content(data.report) : null,
            ),
            t.footer({ className: "page-footer" }, app.components.credits()),
        ),
    );
}

function summary({ report, busy, error }) {
    if (busy) {
        return "Looking at configuration, rules, data and machine…";
    }
    if (error || !report) {
        return "";
    }
    const ignored = report.ignored ? ` ${plural(report.ignored, "finding")} ignored by the configuration.` : "";
    if (!report.findings.length) {
        return `Nothing to do. ${plural(report.checks.length, "check")} found nothing.${ignored}`;
    }
    return `${plural(report.errors, "error")}, ${plural(report.warnings, "warning")}, ${plural(report.notes, "note")}.${ignored}`;
}

function content(report) {
    const groups = report.checks
        .map((check) => ({ check, findings: report.findings.filter((f) => f.code.split(".")[0] === check.code) }))
        .filter(({ findings }) => findings.length);
    const fine = report.checks.filter((check) => !check.findings).map((check) => check.title);
    return t.div(
        null,
        ...groups.map(({ check, findings }) =>
            t.section(
                { className: "m-t-base" },
                t.h2({ className: "doctor-title" }, check.title),
                t.ul({ className: "doctor-findings" }, ...findings.map(finding)),
            )
        ),
        fine.length ? t.p({ className: "txt-hint m-t-base" }, `Nothing found: ${fine.join(", ")}.`) : null,
        t.p(
            { className: "txt-hint txt-sm" },
            `Looked at ${new Date(report.at).toLocaleString()}, in ${report.seconds.toFixed(1)} s. `,
            Object.entries(report.versions).sort().map(([name, version]) => `${name} ${version}`).join(", "),
        ),
    );
}

function finding(f) {
    const [, label] = severities.find(([name]) => name === f.severity) || ["note", f.severity];
    return t.li(
        { className: `doctor-finding ${f.severity}` },
        t.p(
            null,
            t.span({ className: "doctor-severity" }, label),
            f.where ? t.code(null, f.where) : null,
        ),
        t.p({ className: "doctor-problem" }, f.problem),
        t.p(null, f.remedy),
        t.p({ className: "txt-hint txt-sm" }, f.code),
    );
}

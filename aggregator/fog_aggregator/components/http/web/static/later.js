// What the first picture does without: the other views, and what opens over a view. Asked for when one is opened.
import { keySheet } from "./parts/key_sheet.js";
import { silenceDialog } from "./parts/silence.js";
import { Alerts } from "./views/alerts.js";
import { Branch } from "./views/branch.js";
import { Events } from "./views/events.js";
import { Metrics } from "./views/metrics.js";
import { Node } from "./views/node.js";
import { Nodes } from "./views/nodes.js";

export const later = { keySheet, silenceDialog, views: { alerts: Alerts, branch: Branch, events: Events, metrics: Metrics, node: Node, nodes: Nodes } };

/** The settings in force: those that somebody gave, and those that nobody did. */
import { html, type Html } from './html.ts';
import { table } from './table.ts';
import { NONE, whole } from './units.ts';
import type { SettingReport, StatusReport } from '../report.ts';

export function settings({ settings, generation }: StatusReport): Html {
  const given = settings.filter(({ source }) => source !== 'default');
  const others = settings.filter(({ source }) => source === 'default');
  return html`<section id="settings">
    <h2>Settings</h2>
    <p class="aside">of generation ${generation}; secrets are not shown</p>
    ${settingTable('given-settings', 'Settings that were given', given)}
    <details id="default-settings">
      <summary>${whole(others.length)} settings at their defaults</summary>
      ${settingTable('other-settings', 'Settings at their defaults', others)}
    </details>
  </section>`;
}

function settingTable(id: string, caption: string, rows: readonly SettingReport[]): Html {
  return table<SettingReport>({
    id,
    caption,
    columns: [
      { head: 'Setting', cell: ({ token }) => html`<code>${token}</code>`, names: true },
      {
        head: 'Value',
        cell: ({ value }) => (value === '' ? NONE : html`<bdi><code>${value}</code></bdi>`),
        kind: 'name',
      },
      { head: 'Source', cell: ({ source }) => source, kind: 'name' },
    ],
    rows,
    key: ({ token }) => token,
    empty: 'None',
  });
}

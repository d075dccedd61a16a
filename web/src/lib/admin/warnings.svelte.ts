// What the server found noteworthy about a tenant that was just made or renamed: shown where the reader is then.

interface Warned {
  tenant: string;
  warnings: string[];
}

class Warnings {
  about = $state.raw<Warned | null>(null);

  take(tenant: { name: string; warnings?: string[] }): void {
    const { warnings = [] } = tenant;
    this.about = warnings.length === 0 ? null : { tenant: tenant.name, warnings };
  }

  dismiss(): void {
    this.about = null;
  }
}

export const warnings = new Warnings();

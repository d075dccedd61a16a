// Hands a text to the reader as a file.

export function downloadText(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // Not at once: the browser reads it after the click is over.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
